//! Link settings for a Node-API addon.
fn main() {
    napi_build::setup();
    // Threads of its own and a signal handler may run as long as the process lives: the image stays.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
