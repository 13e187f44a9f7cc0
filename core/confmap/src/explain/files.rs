//! Of files that the collector needs on its machine.

use super::{Explanation, about};
use crate::code;

pub(super) const NO_FILES: Explanation = about(
    code::NO_FILES,
    [
        "pattern matches no file",
        "No file matches now. Files that are created later will be read.",
        "include: [/var/log/pod/*.log]",
        "include: [/var/log/pods/*/*/*.log]",
        "check the pattern, the mounts of the container, and the permissions of the folders",
    ],
);

pub(super) const FORGETFUL: Explanation = about(
    code::FORGETFUL,
    [
        "offsets are forgotten",
        "The receiver keeps its offsets in memory only: after a restart it begins where `start_at` says, and what was read and not delivered is lost.",
        "file_log:\n  include: [/var/log/app.log]   # and no directory for state can be written",
        "extensions:\n  file_storage:\n    directory: /var/lib/sluice/offsets\n    create_directory: true\nreceivers:\n  file_log:\n    include: [/var/log/app.log]\n    storage: file_storage\nexporters:\n  debug:\nservice:\n  extensions: [file_storage]\n  pipelines:\n    logs:\n      receivers: [file_log]\n      exporters: [debug]",
        "set `$STATE_DIRECTORY` to a directory that can be written, or name a `storage`; `storage: none` says that this is meant",
    ],
);

pub(super) const ABSENT_FILE: Explanation = about(
    code::ABSENT_FILE,
    [
        "file is not there",
        "The collector will not start without this file. On the machine that the configuration is for it may be there.",
        "tls:\n  ca_file: /etc/ssl/backend.pme",
        "tls:\n  ca_file: /etc/ssl/backend.pem",
        "put the file there, mount it into the container, or correct the path",
    ],
);

pub(super) const EXPIRED: Explanation = about(
    code::EXPIRED,
    [
        "certificate is out of its time",
        "The time in which the certificate is valid is over, or has not begun. Peers that check it refuse the connection.",
        "tls:\n  cert_file: /etc/ssl/2019.pem\n  key_file: /etc/ssl/2019.key",
        "tls:\n  cert_file: /etc/ssl/2026.pem\n  key_file: /etc/ssl/2026.key\n  reload_interval: 1h",
        "renew the certificate; with `reload_interval` the new one is used without a restart",
    ],
);
