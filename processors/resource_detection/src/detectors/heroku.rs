//! `heroku`: variables of a dyno with metadata.

use crate::found::Found;
use crate::probe::Probe;

pub(crate) fn detect(probe: &Probe) -> Result<Found, String> {
    let (dyno, app) = (probe.set("HEROKU_DYNO_ID"), probe.set("HEROKU_APP_ID"));
    let Some(dyno) = dyno else {
        if app.is_some() {
            tracing::debug!("HEROKU_DYNO_ID is not set: this dyno has no metadata");
        }
        return probe.missing("heroku metadata unavailable".into());
    };
    let found = Found::conventional()
        .with("cloud.provider", "heroku")
        .with("service.instance.id", dyno)
        .with_some("heroku.app.id", app)
        .with_some("service.name", probe.set("HEROKU_APP_NAME"))
        .with_some("heroku.release.creation_timestamp", probe.set("HEROKU_RELEASE_CREATED_AT"))
        .with_some("service.version", probe.set("HEROKU_RELEASE_VERSION"))
        .with_some("heroku.release.commit", probe.set("HEROKU_SLUG_COMMIT"));
    Ok(found)
}
