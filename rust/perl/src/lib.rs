//! The Perl extension behind `Apache::Session::Memorycached`.
//!
//! Perl loads this library and calls [`boot_Apache__Session__Memorycached`], which defines the methods listed at the end of
//! this file. From there:
//!
//! - `tie`: sessions: the tied object, its store, its lock, and what lies behind them
//! - `listing`: all sessions, and those that meet a condition
//! - `client`: a client of memcached, for items of any kind
//! - `codec`: SVs from and to Storable's bytes, over the crate `storable`
//! - `perl`: Perl's types as small handles, the way in and out of a method, and the shim, which has no logic
//! - `native`: what is behind a Perl object, and of which kind
//! - `state`: what an interpreter keeps from one call to the next; `error`: what goes wrong
//!
//! Two rules keep Rust and Perl apart. What can run Perl code (magic, overloading, `DESTROY`, signal handlers) goes through
//! a guarded call of the shim and comes back as an [`Error`](error::Error). And a method never dies in Rust: it returns an
//! outcome, every value on its stack is dropped, and the shim croaks.

#![warn(missing_docs)]

mod client;
mod codec;
mod error;
mod listing;
mod native;
mod perl;
mod state;
mod tie;

use libperl_sys::{CV, PerlInterpreter, SV};

use self::perl::{call, shim};

/// What Perl's XSLoader calls.
///
/// # Safety
/// Called by perl, as XSLoader does.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "the name is XSLoader's")]
#[cfg(perl_multiplicity)]
pub unsafe extern "C" fn boot_Apache__Session__Memorycached(perl: *mut PerlInterpreter, cv: *mut CV) {
    // SAFETY: passed on as it came.
    unsafe { shim::mc_boot(perl, cv) }
}

/// What Perl's XSLoader calls, in a perl that can have one interpreter only, and so doesn't tell which.
///
/// # Safety
/// Called by perl, as XSLoader does.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "the name is XSLoader's")]
#[cfg(not(perl_multiplicity))]
pub unsafe extern "C" fn boot_Apache__Session__Memorycached(cv: *mut CV) {
    // SAFETY: the shim looks at no interpreter where there is only one.
    unsafe { shim::mc_boot(std::ptr::null_mut(), cv) }
}

/// Defines each native method under its Perl name.
macro_rules! methods {
    ($($name:literal => $method:path,)*) => {
        /// Called by the shim at boot.
        #[unsafe(no_mangle)]
        extern "C" fn mc_define_all(perl: *mut PerlInterpreter) {
            $({
                extern "C" fn body(
                    perl: *mut PerlInterpreter,
                    args: *const *mut SV,
                    items: i32,
                    outcome: *mut shim::Outcome,
                ) {
                    call::run($method, perl, args, items, outcome);
                }
                // SAFETY: the name ends in a NUL; the body is a function of this library.
                unsafe { shim::mc_define(perl, concat!($name, "\0").as_ptr().cast(), body) };
            })*
        }
    };
}

methods! {
    "Apache::Session::Memorycached::TIEHASH" => tie::tiehash,
    "Apache::Session::Memorycached::FETCH" => tie::fetch,
    "Apache::Session::Memorycached::STORE" => tie::store,
    "Apache::Session::Memorycached::EXISTS" => tie::exists,
    "Apache::Session::Memorycached::DELETE" => tie::delete,
    "Apache::Session::Memorycached::CLEAR" => tie::clear,
    "Apache::Session::Memorycached::FIRSTKEY" => tie::firstkey,
    "Apache::Session::Memorycached::NEXTKEY" => tie::nextkey,
    "Apache::Session::Memorycached::SCALAR" => tie::scalar,
    "Apache::Session::Memorycached::UNTIE" => tie::untie,
    "Apache::Session::Memorycached::DESTROY" => tie::destroy,
    "Apache::Session::Memorycached::restore" => tie::restore,
    "Apache::Session::Memorycached::save" => tie::save,
    "Apache::Session::Memorycached::populate" => tie::populate,
    "Apache::Session::Memorycached::serialize" => tie::serialize,
    "Apache::Session::Memorycached::unserialize" => tie::unserialize,
    "Apache::Session::Memorycached::regenerate_id" => tie::regenerate_id,
    "Apache::Session::Memorycached::Listing::_each" => listing::each,
    "Apache::Session::Memorycached::Listing::_search" => listing::search,
    "Apache::Session::Memorycached::Listing::_delete_lower" => listing::delete_lower,
    "Apache::Session::Memorycached::Listing::id_for_principal" => listing::id_for_principal,
    "Apache::Session::Memorycached::conflicts" => tie::conflicts,
    "Apache::Session::Memorycached::stats" => tie::stats,
    "Apache::Session::Lock::Memorycached::acquire_write_lock" => tie::lock::acquire,
    "Apache::Session::Lock::Memorycached::release_write_lock" => tie::lock::release_all,
    "Apache::Session::Lock::Memorycached::release_all_locks" => tie::lock::release_all,
    "Apache::Session::Store::Memorycached::conflicts" => tie::store::conflicts,
    "Apache::Session::Store::Memorycached::new" => tie::store::new,
    "Apache::Session::Store::Memorycached::insert" => tie::store::insert,
    "Apache::Session::Store::Memorycached::update" => tie::store::update,
    "Apache::Session::Store::Memorycached::materialize" => tie::store::materialize,
    "Apache::Session::Store::Memorycached::remove" => tie::store::remove,
    "Apache::Session::Store::Memorycached::close" => tie::store::close,
    "Apache::Session::Memorycached::Client::new" => client::new,
    "Apache::Session::Memorycached::Client::get" => client::get,
    "Apache::Session::Memorycached::Client::gets" => client::gets,
    "Apache::Session::Memorycached::Client::get_multi" => client::get_multi,
    "Apache::Session::Memorycached::Client::gets_multi" => client::gets_multi,
    "Apache::Session::Memorycached::Client::gat" => client::gat,
    "Apache::Session::Memorycached::Client::gats" => client::gats,
    "Apache::Session::Memorycached::Client::gat_multi" => client::gat_multi,
    "Apache::Session::Memorycached::Client::gats_multi" => client::gats_multi,
    "Apache::Session::Memorycached::Client::set_multi" => client::set_multi,
    "Apache::Session::Memorycached::Client::add_multi" => client::add_multi,
    "Apache::Session::Memorycached::Client::replace_multi" => client::replace_multi,
    "Apache::Session::Memorycached::Client::cas_multi" => client::cas_multi,
    "Apache::Session::Memorycached::Client::append_multi" => client::append_multi,
    "Apache::Session::Memorycached::Client::prepend_multi" => client::prepend_multi,
    "Apache::Session::Memorycached::Client::delete_multi" => client::delete_multi,
    "Apache::Session::Memorycached::Client::touch_multi" => client::touch_multi,
    "Apache::Session::Memorycached::Client::incr_multi" => client::incr_multi,
    "Apache::Session::Memorycached::Client::decr_multi" => client::decr_multi,
    "Apache::Session::Memorycached::Client::set" => client::set,
    "Apache::Session::Memorycached::Client::add" => client::add,
    "Apache::Session::Memorycached::Client::replace" => client::replace,
    "Apache::Session::Memorycached::Client::cas" => client::cas,
    "Apache::Session::Memorycached::Client::append" => client::append,
    "Apache::Session::Memorycached::Client::prepend" => client::prepend,
    "Apache::Session::Memorycached::Client::delete" => client::delete,
    "Apache::Session::Memorycached::Client::remove" => client::delete,
    "Apache::Session::Memorycached::Client::touch" => client::touch,
    "Apache::Session::Memorycached::Client::incr" => client::incr,
    "Apache::Session::Memorycached::Client::decr" => client::decr,
    "Apache::Session::Memorycached::Client::error" => client::error,
    "Apache::Session::Memorycached::Client::enable_compress" => client::enable_compress,
    "Apache::Session::Memorycached::Client::disconnect_all" => client::disconnect_all,
    "Apache::Session::Memorycached::Client::_change" => client::change,
    "Apache::Session::Memorycached::Client::_counted" => client::counted,
    "Apache::Session::Memorycached::Client::_ask" => client::ask,
    "Apache::Session::Memorycached::Client::_flush" => client::flush,
    "Apache::Session::Memorycached::Client::each_key" => client::each_key,
    "Apache::Session::Memorycached::Client::_note" => client::note,
    "Apache::Session::Memorycached::Storable::freeze" => codec::native_freeze,
    "Apache::Session::Memorycached::Storable::nfreeze" => codec::nfreeze,
    "Apache::Session::Memorycached::Storable::thaw" => codec::thaw,
    "Apache::Session::Memorycached::Storable::dclone" => codec::dclone,
    "Apache::Session::Memorycached::Storable::is_storing" => codec::is_storing,
    "Apache::Session::Memorycached::Storable::is_retrieving" => codec::is_retrieving,
    "Apache::Session::Memorycached::Storable::last_op_in_netorder" => codec::last_op_in_netorder,
    "Apache::Session::Memorycached::Storable::_file_image" => codec::file_image,
    "Apache::Session::Memorycached::Storable::_thaw_file" => codec::thaw_file,
    "Apache::Session::Memorycached::Storable::_limits" => codec::limits,
    "Apache::Session::Generate::Memorycached::_hex_digits" => tie::hex_digits,
}
