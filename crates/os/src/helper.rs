//! A child process that outlives this one, to clean up after it.
//!
//! It learns of this process' end, however that came, from the pipe which is its standard input: nobody else holds the
//! other end.

use std::io::{PipeWriter, Result, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// How a helper is started.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file to run.
    pub file: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
}

/// A running helper: what is written to it arrives at its standard input.
#[derive(Debug)]
pub struct Helper {
    input: PipeWriter,
    child: Child,
}

impl Helper {
    /// Starts a helper: in a process group of its own, where a terminal's Ctrl+C does not reach it, with no standard
    /// output, and with this process' standard error.
    pub fn start(program: &Program) -> Result<Self> {
        let (output, input) = std::io::pipe()?;
        let child = Command::new(&program.file)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(output)
            .stdout(Stdio::null())
            .stderr(stderr())
            .process_group(0)
            .spawn()?;
        Ok(Self { input, child })
    }
}

/// This process' standard error. To inherit it is not enough: Node marks its descriptors as closed for other programs.
fn stderr() -> Stdio {
    std::io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from)
}

impl Write for Helper {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.input.write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.input.flush()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // One that has ended leaves no zombie; one that still runs goes on until it has read everything.
        let _ = self.child.try_wait();
    }
}

/// Makes this process, a helper, deaf to the signals that are meant for the one it serves: interrupt, terminate, hang
/// up, and the stop of a background process that writes to its terminal.
pub fn ignore_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGTTOU] {
        // SAFETY: to ignore a signal runs no code when it comes.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, environment: &[(&str, &str)]) -> Program {
        Program {
            file: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    #[test]
    fn a_helper_reads_what_was_written_and_then_the_end() {
        let folder = std::env::temp_dir().join(format!("manycore-helper-{}", std::process::id()));
        let program = shell(
            r#"read line; echo "$line $PWD $HOME $ONLY" > "$FILE"; read line || echo end >> "$FILE""#,
            &[("FILE", folder.to_str().unwrap()), ("ONLY", "this")],
        );
        let mut helper = Helper::start(&program).unwrap();
        assert_eq!(
            rustix::process::getpgid(Some(rustix::process::Pid::from_child(&helper.child))).unwrap(),
            rustix::process::Pid::from_child(&helper.child),
            "a group of its own"
        );
        helper.write_all(b"hello\n").unwrap();
        drop(helper);
        let whole = "hello /  this\nend\n";
        while std::fs::read_to_string(&folder).unwrap_or_default() != whole {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::fs::remove_file(&folder).unwrap();
    }

    #[test]
    fn a_helper_that_has_ended_cannot_be_written_to() {
        let mut helper = Helper::start(&shell("exit 0", &[])).unwrap();
        helper.child.wait().unwrap();
        // A child that another test forks has the pipe's other end too, until it runs its own program.
        let error = loop {
            match helper.write_all(b"x") {
                Ok(()) => std::thread::sleep(std::time::Duration::from_millis(1)),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn a_program_that_is_missing_is_an_error() {
        let program = Program { file: "/nowhere/nothing".into(), arguments: vec![], environment: vec![] };
        assert_eq!(Helper::start(&program).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}
