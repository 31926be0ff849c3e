//! Shared folders for JavaScript.

use msb_fileserver::{HostPerms, ShareOptions, ShareServer, StatVirt};
use napi::bindgen_prelude::{Null, Object};
use napi::{Either, Env, Error, JsDeferred};
use napi_derive::napi;

/// A folder to serve on a connected stream socket.
#[napi(object)]
pub struct ShareSettings {
    pub fd: i32,
    pub path: String,
    pub file: Option<String>,
    pub read_only: bool,
    /// `strict`, `relaxed` or `off`.
    pub stat_virt: String,
    /// `private` or `mirror`.
    pub host_perms: String,
    pub quota_bytes: Option<f64>,
    pub follow_root_symlinks: Option<bool>,
    pub writeback: Option<bool>,
}

type Reason = Either<String, Null>;
type Resolver = Box<dyn FnOnce(Env) -> napi::Result<Reason> + Send>;

/// Serves the folder and returns `{ closed, close, setDefaultOwner }`. The descriptor belongs to the share from now
/// on, also when this throws.
#[napi]
pub fn serve_share<'env>(env: &'env Env, settings: ShareSettings) -> napi::Result<Object<'env>> {
    let socket = crate::sys::own(settings.fd).map_err(|e| crate::error::system("fcntl", &e))?;
    let options = options_of(settings)?;
    let (deferred, closed): (JsDeferred<Reason, Resolver>, _) = env.create_deferred()?;
    let server = msb_fileserver::serve(socket, &options, move |reason| {
        deferred.resolve(Box::new(move |_| {
            Ok(reason.map_or(Either::B(Null), Either::A))
        }));
    })
    .map_err(|error| Error::from_reason(error.to_string()))?;
    handle(env, server, closed)
}

fn handle<'env>(
    env: &'env Env,
    server: ShareServer,
    closed: Object<'env>,
) -> napi::Result<Object<'env>> {
    let mut handle = Object::new(env)?;
    handle.set("closed", closed)?;
    let closing = server.clone();
    handle.set(
        "close",
        env.create_function_from_closure::<(), (), _>("close", move |_| {
            closing.close();
            Ok(())
        })?,
    )?;
    handle.set(
        "setDefaultOwner",
        env.create_function_from_closure::<(u32, u32), (), _>("setDefaultOwner", move |context| {
            let (uid, gid) = (context.get(0)?, context.get(1)?);
            server.set_default_owner(uid, gid);
            Ok(())
        })?,
    )?;
    Ok(handle)
}

fn options_of(settings: ShareSettings) -> napi::Result<ShareOptions> {
    Ok(ShareOptions {
        path: settings.path.into(),
        file: settings.file,
        read_only: settings.read_only,
        stat_virt: match settings.stat_virt.as_str() {
            "strict" => StatVirt::Strict,
            "relaxed" => StatVirt::Relaxed,
            "off" => StatVirt::Off,
            other => return Err(unknown("stat virtualisation", other)),
        },
        host_perms: match settings.host_perms.as_str() {
            "private" => HostPerms::Private,
            "mirror" => HostPerms::Mirror,
            other => return Err(unknown("host permissions", other)),
        },
        quota_bytes: settings.quota_bytes.map(|bytes| bytes.max(0.0) as u64),
        follow_root_symlinks: settings.follow_root_symlinks.unwrap_or(false),
        writeback: settings.writeback.unwrap_or(false),
    })
}

fn unknown(what: &str, value: &str) -> Error {
    Error::from_reason(format!("unknown {what}: {value}"))
}
