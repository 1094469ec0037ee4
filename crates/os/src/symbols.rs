//! Functions of the program that this image is loaded into.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;

/// The function of this name, if the program or one of its libraries exports one.
pub fn symbol(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the name ends with a zero.
    NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_symbol_is_found_by_its_name() {
        assert!(super::symbol(c"malloc").is_some());
        assert!(super::symbol(c"no_function_has_this_name").is_none());
    }
}
