//! The C shim (`shim/`) as Rust sees it.

use std::ffi::{c_char, c_int, c_void};

use libperl_sys::{AV, CV, GV, HV, IV, PerlInterpreter, SV};

/// How a native method ends: `enum mc_end`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) enum End {
    Value,
    Croak,
    Super,
    Leave,
    List,
}

/// What a native method hands back to C: `mc_outcome`.
#[repr(C)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    pub(crate) value: *mut SV,
    pub(crate) warnings: *mut AV,
}

pub(crate) type Body = extern "C" fn(*mut PerlInterpreter, *const *mut SV, i32, *mut Outcome);

/// `MC_OK`: the guarded call came back.
pub(crate) const OK: c_int = 0;
/// `MC_DIED`: it died, and the error is owned.
pub(crate) const DIED: c_int = 1;

unsafe extern "C" {
    pub(crate) fn mc_boot(perl: *mut PerlInterpreter, cv: *mut CV);
    pub(crate) fn mc_define(perl: *mut PerlInterpreter, name: *const c_char, body: Body);

    pub(crate) fn mc_context(perl: *mut PerlInterpreter) -> c_int;
    pub(crate) fn mc_signals(perl: *mut PerlInterpreter, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_copy(perl: *mut PerlInterpreter, sv: *mut SV, copy: *mut *mut SV, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_string(
        perl: *mut PerlInterpreter,
        sv: *mut SV,
        string: *mut *mut SV,
        error: *mut *mut SV,
    ) -> c_int;
    pub(crate) fn mc_free(perl: *mut PerlInterpreter, sv: *mut SV, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_weaken(perl: *mut PerlInterpreter, sv: *mut SV, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_sever(perl: *mut PerlInterpreter, sv: *mut SV, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_overloaded(
        perl: *mut PerlInterpreter,
        stash: *mut HV,
        overloaded: *mut c_int,
        error: *mut *mut SV,
    ) -> c_int;
    pub(crate) fn mc_matches(
        perl: *mut PerlInterpreter,
        regexp: *mut SV,
        string: *mut SV,
        matches: *mut c_int,
        error: *mut *mut SV,
    ) -> c_int;
    pub(crate) fn mc_is_regexp(perl: *mut PerlInterpreter, sv: *mut SV) -> c_int;
    pub(crate) fn mc_hash(
        perl: *mut PerlInterpreter,
        hash: *mut HV,
        key: *mut SV,
        action: c_int,
        value: *mut SV,
        out: *mut *mut c_void,
        error: *mut *mut SV,
    ) -> c_int;

    pub(crate) fn mc_call_sub(
        perl: *mut PerlInterpreter,
        sub: *mut CV,
        args: *const *mut SV,
        items: i32,
        out: *mut *mut SV,
        error: *mut *mut SV,
    ) -> c_int;

    pub(crate) fn mc_call_list(
        perl: *mut PerlInterpreter,
        sub: *mut CV,
        args: *const *mut SV,
        items: i32,
        out: *mut AV,
        error: *mut *mut SV,
    ) -> c_int;
    pub(crate) fn mc_eval(
        perl: *mut PerlInterpreter,
        source: *mut SV,
        callback: *mut CV,
        out: *mut *mut SV,
        failure: *mut *mut SV,
        error: *mut *mut SV,
    ) -> c_int;
    pub(crate) fn mc_require(perl: *mut PerlInterpreter, name: *mut SV, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_derives(
        perl: *mut PerlInterpreter,
        sv: *mut SV,
        class: *mut SV,
        derives: *mut c_int,
        error: *mut *mut SV,
    ) -> c_int;
    pub(crate) fn mc_push(perl: *mut PerlInterpreter, array: *mut SV, element: *mut SV, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_point(perl: *mut PerlInterpreter, scalar: *mut SV, target: *mut SV, error: *mut *mut SV) -> c_int;
    pub(crate) fn mc_tie(
        perl: *mut PerlInterpreter,
        variable: *mut SV,
        object: *mut SV,
        how: c_int,
        key: *mut SV,
        index: i32,
        error: *mut *mut SV,
    ) -> c_int;
    pub(crate) fn mc_warn(perl: *mut PerlInterpreter, text: *mut SV, error: *mut *mut SV) -> c_int;

    pub(crate) fn mc_native_attach(perl: *mut PerlInterpreter, sv: *mut SV, kind: c_int, native: *mut c_void);
    pub(crate) fn mc_native_of(sv: *mut SV, kind: c_int) -> *mut c_void;
    pub(crate) fn mc_lazy_watch(perl: *mut PerlInterpreter, object: *mut HV);
    pub(crate) fn mc_native_detach(perl: *mut PerlInterpreter, sv: *mut SV, kind: c_int);

    pub(crate) fn mc_new_string(perl: *mut PerlInterpreter, bytes: *const c_char, len: usize, flags: u32) -> *mut SV;
    pub(crate) fn mc_new_integer(perl: *mut PerlInterpreter, value: IV) -> *mut SV;
    pub(crate) fn mc_new_reference(perl: *mut PerlInterpreter) -> *mut SV;
    pub(crate) fn mc_new_reference_to(perl: *mut PerlInterpreter, target: *mut SV) -> *mut SV;
    pub(crate) fn mc_new_copy(perl: *mut PerlInterpreter, source: *mut SV, flags: i32) -> *mut SV;
    pub(crate) fn mc_new_array(perl: *mut PerlInterpreter, elements: usize) -> *mut SV;
    pub(crate) fn mc_new_hash(perl: *mut PerlInterpreter, keys: usize) -> *mut SV;

    pub(crate) fn mc_bless(perl: *mut PerlInterpreter, sv: *mut SV, stash: *mut HV);
    pub(crate) fn mc_add_placeholders(perl: *mut PerlInterpreter, hash: *mut HV, more: c_int);
    pub(crate) fn mc_glob_scalar(glob: *mut GV) -> *mut SV;
    pub(crate) fn mc_glob_sub(glob: *mut GV) -> *mut CV;
    pub(crate) fn mc_is_class(perl: *mut PerlInterpreter, stash: *mut HV) -> c_int;
    pub(crate) fn mc_stash_name(perl: *mut PerlInterpreter, stash: *mut HV, len: *mut usize) -> *const c_char;
    pub(crate) fn mc_is_utf8(bytes: *const c_char, len: usize) -> c_int;
    pub(crate) fn mc_is_tied(sv: *mut SV, how: c_int) -> c_int;
    pub(crate) fn mc_tied_to(
        sv: *mut SV,
        how: c_int,
        object: *mut *mut SV,
        key: *mut *mut SV,
        index: *mut i32,
    ) -> c_int;
    pub(crate) fn mc_is_active(sv: *mut SV) -> c_int;
    pub(crate) fn mc_is_bool(sv: *mut SV) -> c_int;
    pub(crate) fn mc_undef(perl: *mut PerlInterpreter) -> *mut SV;
    pub(crate) fn mc_yes(perl: *mut PerlInterpreter) -> *mut SV;
    pub(crate) fn mc_no(perl: *mut PerlInterpreter) -> *mut SV;
    pub(crate) fn mc_placeholder(perl: *mut PerlInterpreter) -> *mut SV;

    pub(crate) fn mc_state(perl: *mut PerlInterpreter) -> *mut c_void;
    pub(crate) fn mc_state_set(perl: *mut PerlInterpreter, state: *mut c_void);
}
