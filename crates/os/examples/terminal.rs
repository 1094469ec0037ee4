//! Runs a program in a terminal of its own, for tests of what Ctrl+C does: `terminal PROGRAM ARGUMENTS…`.
//!
//! What comes in on standard input is typed into the terminal (a byte 3 is Ctrl+C), and what the program prints goes to
//! standard output, line ends as the program wrote them. When the program has ended, standard error gets one line:
//! `exit 130`, or `signal 2`.

#[cfg(target_os = "linux")]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("written for Linux so far");
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
    use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr};
    use std::fs::File;
    use std::io::{Read, Result, Write};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    pub fn main() -> Result<()> {
        let mut arguments = std::env::args_os().skip(1);
        let program = arguments.next().expect("the program to run");
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = openpt(flags)?;
        grantpt(&terminal)?;
        unlockpt(&terminal)?;
        let inside = ioctl_tiocgptpeer(&terminal, flags)?;
        let mut modes = tcgetattr(&inside)?;
        modes.output_modes -= OutputModes::OPOST;
        tcsetattr(&inside, OptionalActions::Now, &modes)?;

        let mut command = Command::new(program);
        command.args(arguments).stdin(inside.try_clone()?).stdout(inside.try_clone()?).stderr(inside);
        // SAFETY: both are plain system calls, which may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            })
        };
        let mut child = command.spawn()?;
        // What it holds of the terminal's inside is closed: reading ends with the program.
        drop(command);

        let terminal = File::from(terminal);
        let mut keyboard = terminal.try_clone()?;
        // Ends with this process: nobody may type any more.
        std::thread::spawn(move || std::io::copy(&mut std::io::stdin(), &mut keyboard));
        let printing = std::thread::spawn(move || print_all(terminal));
        let status = child.wait()?;
        printing.join().expect("printing does not panic")?;
        match status.signal() {
            Some(signal) => eprintln!("signal {signal}"),
            None => eprintln!("exit {}", status.code().unwrap_or_default()),
        }
        Ok(())
    }

    /// Copies until nobody is inside any more, which is an error of reading.
    fn print_all(mut terminal: File) -> Result<()> {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = terminal.read(&mut bytes) {
            std::io::stdout().write_all(&bytes[..count])?;
            std::io::stdout().flush()?;
        }
        Ok(())
    }
}
