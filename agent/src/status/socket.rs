//! The unix socket file: made where nobody else listens, with 0660, and removed when we stop.

use std::fs::{self, DirBuilder, FileType, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::StatusError;

/// Owner and group may talk to the agent, others not: the paths of workloads are nobody else's.
const MODE: u32 = 0o660;
const FOLDER_MODE: u32 = 0o755;

/// Removes the socket file when dropped, as long as it is still ours.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if inode(&found) == self.inode => {
                if let Err(error) = fs::remove_file(&self.path) {
                    tracing::warn!(path = %self.path.display(), %error, "status socket left behind");
                }
            }
            Ok(_) => tracing::warn!(
                path = %self.path.display(),
                "the status socket is another one by now; left as it is"
            ),
            Err(_) => {}
        }
    }
}

/// Listens on `path`. Must run inside a tokio runtime.
pub fn bind(path: &Path) -> Result<(UnixListener, SocketFile), StatusError> {
    let failed = |step| {
        move |source| StatusError::Create {
            path: path.to_owned(),
            step,
            source,
        }
    };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(folder)
            .map_err(failed("make its folder"))?;
    }
    clear_way(path)?;
    let listener = UnixListener::bind(path).map_err(failed("bind"))?;
    let found = fs::symlink_metadata(path).map_err(failed("look at it"))?;
    let file = SocketFile {
        path: path.to_owned(),
        inode: inode(&found),
    };
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed("set its mode"))?;
    Ok((listener, file))
}

/// Removes a socket on which nobody answers; refuses anything else that stands in the way.
fn clear_way(path: &Path) -> Result<(), StatusError> {
    let failed = |step, source| StatusError::Create {
        path: path.to_owned(),
        step,
        source,
    };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at it", error)),
    };
    if !found.file_type().is_socket() {
        return Err(StatusError::NotASocket {
            path: path.to_owned(),
            found: kind(found.file_type()),
        });
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(StatusError::InUse {
            path: path.to_owned(),
        }),
        Err(error) if nobody_listens(&error) => {
            tracing::info!(path = %path.display(), "replaced a status socket on which nobody answered");
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(failed("remove the one that nobody answers on", error))
                }
                _ => Ok(()),
            }
        }
        Err(source) => Err(StatusError::Unknown {
            path: path.to_owned(),
            source,
        }),
    }
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::NotFound
    )
}

fn inode(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

fn kind(found: FileType) -> &'static str {
    if found.is_dir() {
        "a folder"
    } else if found.is_symlink() {
        "a symbolic link"
    } else if found.is_file() {
        "a file"
    } else {
        "a device or pipe"
    }
}
