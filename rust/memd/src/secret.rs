//! Which fields hold what nobody should read over a shoulder.
//!
//! A field is known by its name, at any depth, in any case, however its words are joined. What it holds is not looked at.
//!
//! | name holds | such as |
//! | --- | --- |
//! | password, passwd, passphrase, passcode | `_password`, `userPassword` |
//! | secret, token, credential, authorization | `client_secret`, `csrfToken` |
//! | api key, access key, private key, secret key, in one word or two | `api_key`, `privateKey` |
//! | as a word of its own: pass, pwd, pw, otp, totp | `db_pass`, `adminPwd` |

/// What is shown instead of a value.
pub const MASK: &str = "********";

const ANYWHERE: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "authorization",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
];

const WORDS: [&str; 5] = ["pass", "pwd", "pw", "otp", "totp"];

/// Whether a field of this name is masked.
pub fn is_secret(name: &str) -> bool {
    let joined: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if ANYWHERE.iter().any(|part| joined.contains(part)) {
        return true;
    }
    words(name).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// The words of a name, in lower case: what other characters, digits or a change from small to large separate.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (was_small && c.is_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_small = c.is_lowercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "password",
            "_password",
            "Password",
            "userPassword",
            "user-passwd",
            "PASSPHRASE",
            "db_pass",
            "pass",
            "pwd",
            "adminPwd",
            "PW",
            "client_secret",
            "csrfToken",
            "access_token",
            "api_key",
            "apiKey",
            "API-KEY",
            "private key",
            "credentials",
            "Authorization",
            "otp",
            "_2fTotp",
            "pass2",
        ] {
            assert!(is_secret(name), "{name}");
        }
    }

    #[test]
    fn names_of_what_anybody_may_see() {
        for name in
            ["uid", "passenger", "compass", "bypass", "keys", "pwned", "spawn", "_session_id", "", "cart", "author"]
        {
            assert!(!is_secret(name), "{name}");
        }
    }
}
