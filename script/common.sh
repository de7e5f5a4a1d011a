# What the scripts beside this file share: messages, and bringing Debian packages. Source it; it runs nothing.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# need_packages PACKAGE...: installs those of the Debian packages that are missing. Does nothing, and asks for no
# rights, when all are there.
need_packages() {
  local missing=() package root=()
  command -v apt-get >/dev/null ||
    die "there is no apt-get (Debian, Ubuntu) to bring: $*"
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "these packages are missing, and only root can install them: ${missing[*]}"
    root=(sudo)
  fi
  say "installing ${missing[*]}"
  # The output is worth reading only when something fails.
  local log
  log=$(mktemp)
  if ! { "${root[@]}" apt-get -q update &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"; } \
    </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "apt-get could not install ${missing[*]}"
  fi
  rm -f "$log"
}

need_cargo() {
  command -v cargo >/dev/null || die "cargo is missing; install Rust 1.88 or later, with rustup or from your distribution"
}

# Debian's perl is the one that its mod_perl and its library packages are made for, whatever stands earlier in PATH.
perl=/usr/bin/perl
export PERL=$perl # for cargo

# What Makefile.PL asks for on Debian: a compiler and the headers of C and perl, and libclang, which reads them.
build_packages=(gcc libc6-dev make libperl-dev clang libclang-dev libapache-session-perl)
