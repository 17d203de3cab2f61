//! The lab's own namespaces: network, so that nothing of this machine is touched, and processes, so that the kernel ends all
//! of them with the supervisor, whatever ends it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// The command that starts `program` with `arguments` as the first process of new namespaces. Without root a user namespace
/// gives the right to make the others.
pub fn command(is_root: bool, program: &Path, arguments: &[OsString]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec!["unshare".into()];
    if !is_root {
        line.extend(["--user", "--map-root-user"].map(OsString::from));
    }
    // --kill-child: whoever kills unshare kills the supervisor, and the kernel everything below it.
    line.extend(["--net", "--pid", "--mount-proc", "--fork", "--kill-child=SIGKILL", "--"].map(OsString::from));
    line.push(program.into());
    line.extend_from_slice(arguments);
    line
}

/// That command, ready to be started.
pub fn supervisor(arguments: &[OsString]) -> Result<Command, Error> {
    let program = std::env::current_exe().map_err(|source| Error::io("find", "lparlab's own program", source))?;
    let line = command(nix::unistd::geteuid().is_root(), &program, arguments);
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_without_root_a_user_namespace_is_made() {
        let text = |is_root| {
            let line = command(is_root, Path::new("/bin/lparlab"), &["supervise".into()]);
            line.join(std::ffi::OsStr::new(" ")).into_string()
        };
        let root = "unshare --net --pid --mount-proc --fork --kill-child=SIGKILL -- /bin/lparlab supervise";
        assert_eq!(text(true).as_deref(), Ok(root));
        let user = root.replace("--net", "--user --map-root-user --net");
        assert_eq!(text(false), Ok(user));
    }
}
