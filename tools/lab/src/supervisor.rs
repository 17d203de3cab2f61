//! The first process of a lab's namespaces: opens the lab, starts its partitions, serves the control socket. When it ends,
//! everything ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::capture::{self, Capture, CaptureError, MANAGEMENT_PORT, PcapWriter};
use crate::control::{self, Reply, Request};
use crate::directory;
use crate::dlpar;
use crate::echo_service;
use crate::enrolment;
use crate::error::Error;
use crate::image::Image;
use crate::lab::Lab;
use crate::migration::run::{self as migration, Options};
use crate::network::NamespaceId;
use crate::scenario::Scenario;
use crate::status;

/// What the supervisor is started with: a file `plan.json` in the lab's directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// The scenario.
    pub scenario: Scenario,
    /// Guest images by [`Image::key`]: kernel and initial file system.
    pub images: BTreeMap<String, (PathBuf, PathBuf)>,
}

/// A partition that has not answered by then will not.
const READY_DEADLINE: Duration = Duration::from_secs(600);
/// A request is a line; nobody sends longer ones.
const MAX_REQUEST_BYTES: u64 = 1 << 20;
/// How soon a capture notices that nobody listens any more.
const BETWEEN_FRAMES: Duration = Duration::from_millis(500);

impl Plan {
    /// Finds or makes the images of a scenario.
    pub fn make(scenario: Scenario) -> Result<Self, Error> {
        let mut images = BTreeMap::new();
        for lpar in &scenario.lpars {
            if let std::collections::btree_map::Entry::Vacant(place) = images.entry(Image::key(lpar)) {
                let image = Image::get(lpar)?;
                place.insert((image.kernel, image.initrd));
            }
        }
        Ok(Self { scenario, images })
    }

    /// Writes it into a lab's directory.
    pub fn write(&self, directory: &Path) -> Result<(), Error> {
        let path = directory.join("plan.json");
        let text = serde_json::to_string(self).map_err(|error| Error::failed("write", path.display(), error))?;
        std::fs::write(&path, text).map_err(|source| Error::io("write", path.display(), source))
    }

    fn read(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("plan.json");
        let text = std::fs::read_to_string(&path).map_err(|source| Error::io("read", path.display(), source))?;
        serde_json::from_str(&text).map_err(|error| Error::failed("read", path.display(), error))
    }
}

/// Opens the lab of a directory with all its partitions started; the lock lives as long as the process.
pub fn open(directory: &Path, outer: &NamespaceId) -> Result<(Arc<Lab>, impl Sized + use<>), Error> {
    let lock = directory::lock(directory)?;
    let plan = Plan::read(directory)?;
    let images = plan.images.into_iter().map(|(key, (kernel, initrd))| (key, Image { kernel, initrd })).collect();
    let lab = Arc::new(Lab::open(plan.scenario, directory, images, outer)?);
    echo_service::start()?;
    for partition in &lab.partitions {
        let started = Instant::now();
        lab.activate(partition)?;
        let (lab, name) = (Arc::clone(&lab), partition.spec.name.clone());
        std::thread::spawn(move || {
            let ready = lab.partition(&name).and_then(|partition| {
                lab.wait_ready(partition, started, READY_DEADLINE)?;
                enrolment::enrol(&lab, partition)
            });
            if let Err(error) = ready {
                eprintln!("lparlab: {error}");
            }
        });
    }
    Ok((lab, lock))
}

/// Serves the control socket until `down`.
pub fn serve(lab: &Arc<Lab>) -> Result<(), Error> {
    let socket = directory::control_socket(&lab.directory);
    let failed = |source| Error::io("listen on", socket.display(), source);
    let listener = UnixListener::bind(&socket).map_err(failed)?;
    for stream in listener.incoming() {
        let (stream, lab) = (stream.map_err(failed)?, Arc::clone(lab));
        std::thread::spawn(move || {
            let mut answer = stream.try_clone();
            let Ok(answer) = &mut answer else { return };
            let (reply, is_end) = match read_request(stream) {
                Ok(Request::Down) => (down(&lab), true),
                Ok(request) => (obey(&lab, request, answer), false),
                Err(error) => (Err(error), false),
            };
            let reply = reply.unwrap_or_else(|error| Reply::Failed(error.to_string()));
            // Whoever asked may be gone.
            let _ = control::send(answer, &reply);
            if is_end {
                std::process::exit(0);
            }
        });
    }
    Ok(())
}

fn read_request(stream: UnixStream) -> Result<Request, Error> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_REQUEST_BYTES))
        .read_line(&mut line)
        .map_err(|source| Error::io("read", "a request", source))?;
    serde_json::from_str(&line).map_err(|error| Error::failed("read", "a request", error))
}

fn down(lab: &Lab) -> Result<Reply, Error> {
    lab.close();
    std::fs::remove_dir_all(&lab.directory).map_err(|source| Error::io("remove", lab.directory.display(), source))?;
    Ok(Reply::Done)
}

fn obey(lab: &Lab, request: Request, answer: &mut UnixStream) -> Result<Reply, Error> {
    match request {
        Request::Status => Ok(Reply::Status(status::of(lab))),
        Request::Dlpar { lpar, resource, direction, amount } => {
            dlpar::change(lab, lab.partition(&lpar)?, resource, direction, amount).map(Reply::Changed)
        }
        Request::Migrate { lpar, to, only_validate } => {
            let options = Options { only_validate, ..Options::default() };
            let answer = std::sync::Mutex::new(answer);
            let watch = |journal: &crate::partition::Journal| {
                if let Ok(mut answer) = answer.lock() {
                    let _ = control::send(&mut answer, &Reply::Journal(journal.clone()));
                }
            };
            let (partition, to) = (lab.partition(&lpar)?, lab.frame(&to)?);
            migration::migrate(lab, partition, to, &options, &watch).map(Reply::Migrated)
        }
        Request::StopMigration { lpar } => {
            let partition = lab.partition(&lpar)?;
            match partition.view().migration.map(|journal| journal.phase()) {
                Some(phase) if phase.can_be_undone() => {
                    partition.request_stop();
                    Ok(Reply::Done)
                }
                Some(phase) if !phase.is_end() => {
                    Err(Error::Refused(format!("{lpar} is {phase}: it can no longer be stopped")))
                }
                _ => Err(Error::Refused(format!("{lpar} does not migrate"))),
            }
        }
        Request::Recover { lpar } => {
            let done = migration::recover(lab, lab.partition(&lpar)?)?;
            // Whoever asked may be gone; the partition is recovered all the same.
            let _ = control::send(answer, &Reply::Line(done));
            Ok(Reply::Done)
        }
        Request::Exec { lpar, argv, stdin, deadline_s } => exec(lab, &lpar, argv, stdin, deadline_s),
        Request::Isolation { system, on } => lab.isolate(lab.frame(&system)?, on).map(|()| Reply::Done),
        Request::Capture { system, file } => capture(lab, &system, file.as_deref(), answer),
        Request::Down => down(lab),
    }
}

fn exec(lab: &Lab, lpar: &str, argv: Vec<String>, stdin: Vec<u8>, deadline_s: u64) -> Result<Reply, Error> {
    let partition = lab.partition(lpar)?;
    let console = &lab.frame_of(partition)?.console;
    let done = lab.guests.run(console, lpar, argv, stdin, Duration::from_secs(deadline_s))?;
    Ok(Reply::Exited { status: done.status, stdout: done.stdout, stderr: done.stderr, truncated: done.truncated })
}

/// Frames of the management network on port 657, until whoever asked is gone.
fn capture(lab: &Lab, system: &str, file: Option<&Path>, answer: &mut UnixStream) -> Result<Reply, Error> {
    let bridge = lab.frame(system)?.management_bridge();
    let failed = |error: CaptureError| Error::failed("capture on", &bridge, error);
    let unwritten = |source| Error::io("write", "the captured frames", source);
    let mut capture = Capture::open(&bridge).map_err(failed)?;
    let mut writer = match file {
        Some(path) => {
            let file = File::create(path).map_err(|source| Error::io("write", path.display(), source))?;
            Some(PcapWriter::new(file).map_err(unwritten)?)
        }
        None => None,
    };
    loop {
        let frame = capture.next_of_port(MANAGEMENT_PORT, Instant::now() + BETWEEN_FRAMES).map_err(failed)?;
        let Some((frame, segment)) = frame else {
            // Nothing came: whether somebody still listens shows when something is sent.
            if control::send(answer, &Reply::Alive).is_err() {
                return Ok(Reply::Done);
            }
            continue;
        };
        if let Some(writer) = &mut writer {
            writer.write(&frame).map_err(unwritten)?;
        }
        if control::send(answer, &Reply::Line(capture::line(frame.at, &segment))).is_err() {
            return Ok(Reply::Done);
        }
    }
}
