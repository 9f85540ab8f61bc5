//! One request from its head to its answer.

use std::fmt;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::answer::{self, Answer, Body};
use super::body::{decode_json_or_yaml, media_type};
use super::path::{ResourcePath, Route, route};
use super::query::Query;
use crate::access::{Identity, Mask};
use crate::document::Document;
use crate::faults::Fault;
use crate::plane::Plane;
use crate::rbac::Attributes;
use crate::selector;
use crate::status::Failure;
use crate::verbs::{self, Call, Writer};
use crate::view;

/// The connection is to be closed without an answer.
#[derive(Debug)]
pub(crate) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed by a fault")
    }
}

impl std::error::Error for Closed {}

/// Bodies above this are refused, as by the real server.
const MAX_BODY: usize = 3 * 1024 * 1024;
/// So much of a refused body is read and dropped: most clients read no answer before they have sent all.
const MAX_DROPPED: usize = 256 * 1024 * 1024;

/// Answers one request; `certified` is who the connection's client certificate names.
pub(crate) async fn serve(plane: &Plane, certified: Option<&Identity>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let route = route(head.uri.path());
    if route == Route::Malformed {
        // Go's HTTP server answers before Kubernetes is asked: no Status.
        let answer = Answer::Bytes { code: 400, content_type: "text/plain; charset=utf-8", bytes: Bytes::from_static(b"400 Bad Request") };
        return Ok(answer.into_response(&[]));
    }
    let identity = certified.cloned().or_else(|| bearer(&head.headers).and_then(|token| plane.identify_token(token)));
    let Some(identity) = identity else {
        let open = matches!(route, Route::Version | Route::Health(_));
        return Ok(if open { respond(plain(plane, &route, "")) } else { answer::refuse(Failure::unauthorized()) });
    };
    let _active = plane.activity().hold(&identity);
    let identity = match unmask(plane, identity, &head.headers) {
        Ok(identity) => identity,
        Err(failure) => return Ok(answer::refuse(failure)),
    };
    let writes = !matches!(head.method, Method::GET | Method::HEAD);
    let spared = identity.internal || matches!(route, Route::Version | Route::Health(_));
    let fault = if spared { None } else { plane.fault(writes) };
    match fault {
        Some(Fault::TooManyRequests) => {
            return Ok(answer::refuse(Failure::new(429, "TooManyRequests", "too many requests, try again (fault)")));
        }
        Some(Fault::InternalError) => return Ok(answer::refuse(Failure::internal("fault"))),
        Some(Fault::Conflict) => return Ok(answer::refuse(Failure::new(409, "Conflict", "the object has been modified (fault)"))),
        Some(Fault::CloseBefore) => return Err(Closed),
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::CloseAfter) | None => {}
    }
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let query = Query::parse(head.uri.query().unwrap_or(""));
    let wish = wish(&head.method, &route, head.uri.path(), &query);
    if let Err(failure) = plane.authorize(&identity, &wish) {
        return Ok(answer::refuse(failure));
    }
    let response = match route {
        Route::Resource(path) => {
            let input = Input {
                method: head.method.clone(),
                query,
                wish,
                accept: header(ACCEPT).to_owned(),
                content_type: media_type(header(CONTENT_TYPE)).to_owned(),
                user_agent: header(USER_AGENT).to_owned(),
                identity,
            };
            match read_body(body).await {
                Ok(body) => resource(plane, path, input, body).await,
                Err(failure) => answer::refuse(failure),
            }
        }
        _ if writes => answer::refuse(Failure::method_not_allowed()),
        other => respond(plain(plane, &other, header(ACCEPT))),
    };
    if fault == Some(Fault::CloseAfter) { Err(Closed) } else { Ok(response) }
}

/// Who the client is after its `Impersonate-*` headers, if it may wear what they ask for.
fn unmask(plane: &Plane, client: Identity, headers: &HeaderMap) -> Result<Identity, Failure> {
    let Some(mask) = Mask::read(headers)? else { return Ok(client) };
    for wish in mask.wishes() {
        plane.authorize(&client, &wish)?;
    }
    Ok(mask.wear(&client))
}

/// What a request wants, read from its head alone: refused before anything is said about what is there.
fn wish(method: &Method, route: &Route, path: &str, query: &Query) -> Attributes {
    match route {
        Route::Resource(resource) => {
            let chosen = query.get("fieldSelector").and_then(selector::single_name);
            Attributes::of_request(method.as_str(), resource, query.flag("watch"), chosen)
        }
        _ => Attributes::of_path(method.as_str(), path),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn respond(result: Result<Answer, Failure>) -> Response<Body> {
    match result {
        Ok(answer) => answer.into_response(&[]),
        Err(failure) => answer::refuse(failure),
    }
}

async fn read_body(mut body: Incoming) -> Result<Bytes, Failure> {
    match Limited::new(&mut body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            drop_rest(body).await;
            Err(Failure::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {MAX_BODY}")))
        }
        Err(error) => Err(Failure::bad_request(format!("the body could not be read: {error}"))),
    }
}

async fn drop_rest(mut body: Incoming) {
    let mut left = MAX_DROPPED;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// Everything that is not a resource.
fn plain(plane: &Plane, route: &Route, accept: &str) -> Result<Answer, Failure> {
    let kinds = plane.kinds();
    match route {
        Route::Version => Ok(Answer::ok(plane.version_info())),
        Route::Health(_) => Ok(Answer::text("ok")),
        Route::CoreVersions => Ok(view::api_versions(&kinds, accept, &plane.address().to_string())),
        Route::Groups => Ok(view::api_groups(&kinds, accept)),
        Route::Group(group) => view::group(&kinds, group),
        Route::GroupVersion { group, version } => view::resources(&kinds, group, version),
        Route::OpenApiV2 => Ok(view::v2(&kinds)),
        Route::OpenApiV3Index => Ok(view::index(&kinds)),
        Route::OpenApiV3 { group, version } => view::v3(&kinds, group, version),
        Route::Root => Ok(Answer::ok(serde_json::json!({
            "paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
        }))),
        Route::Resource(_) | Route::Unknown | Route::Malformed => Err(Failure::no_such_path()),
    }
}

struct Input {
    method: Method,
    query: Query,
    accept: String,
    content_type: String,
    user_agent: String,
    identity: Identity,
    wish: Attributes,
}

async fn resource(plane: &Plane, path: ResourcePath, input: Input, body: Bytes) -> Response<Body> {
    if let Some(response) = reviewed(plane, &path, &input, &body) {
        return response;
    }
    let mut call = match call(plane, &path, &input) {
        Ok(call) => call,
        Err(failure) => return answer::refuse(failure),
    };
    let watched = call.query.flag("watch") && path.subresource.is_none() && input.method == Method::GET;
    if watched {
        return respond(verbs::watch(call).await);
    }
    match dispatch(&mut call, &path, &input, &body).await {
        Ok(answer) => answer.into_response(&call.warnings),
        Err(failure) => answer::refuse(failure),
    }
}

fn reviewed(plane: &Plane, path: &ResourcePath, input: &Input, body: &Bytes) -> Option<Response<Body>> {
    if !matches!(path.group.as_str(), "authentication.k8s.io" | "authorization.k8s.io") || path.version != "v1" {
        return None;
    }
    let document = match decode_json_or_yaml(&input.content_type, body) {
        Ok(document) => document.value,
        Err(failure) if input.method == Method::POST => return Some(answer::refuse(failure)),
        Err(_) => Value::Null,
    };
    let answer = verbs::review(plane, &input.identity, path, &document)?;
    Some(if input.method == Method::POST { respond(answer) } else { answer::refuse(Failure::method_not_allowed()) })
}

fn call(plane: &Plane, path: &ResourcePath, input: &Input) -> Result<Call, Failure> {
    let kinds = plane.kinds();
    let served = kinds.served(&path.group, &path.version, &path.plural).ok_or_else(Failure::no_such_path)?;
    let namespaced = served.resource.namespaced;
    // A cluster-wide resource has no path below a namespace, and a namespaced object none beside it.
    if !namespaced && path.namespace.is_some() || namespaced && path.namespace.is_none() && path.name.is_some() {
        return Err(Failure::no_such_path());
    }
    Ok(Call {
        plane: plane.clone(),
        served,
        namespace: path.namespace.clone().unwrap_or_default(),
        name: path.name.clone().unwrap_or_default(),
        query: input.query.clone(),
        accept: input.accept.clone(),
        identity: input.identity.clone(),
        wish: Some(input.wish.clone()),
        writer: Writer::read(&input.query, &input.user_agent)?,
        warnings: Vec::new(),
        patch: None,
        repeated: Vec::new(),
    })
}

async fn dispatch(call: &mut Call, path: &ResourcePath, input: &Input, body: &Bytes) -> Result<Answer, Failure> {
    // An answer in no acceptable form must not be found out after the write.
    view::Form::read(&call.accept)?;
    let document = || decode_json_or_yaml(&input.content_type, body);
    let options = || if body.is_empty() { Ok(Document::from(Value::Null)) } else { document() };
    let method = input.method.as_str();
    let named = path.name.is_some();
    match (path.subresource.as_deref(), named, method) {
        (None, false, "GET" | "HEAD") => verbs::list(call).await,
        (None, false, "POST") => verbs::create(call, document()?).await,
        (None, false, "DELETE") => verbs::delete_collection(call, &options()?.value).await,
        (None, true, "GET" | "HEAD") => verbs::get(call),
        (None, true, "PUT") => verbs::replace(call, None, document()?).await,
        (None, true, "PATCH") => verbs::patch(call, None, &input.content_type, body).await,
        (None, true, "DELETE") => verbs::delete(call, &options()?.value).await,
        // The real server creates a custom resource that is posted to its own path.
        (None, true, "POST") if call.resource().custom => verbs::create(call, document()?).await,
        (Some(name), true, _) => subresource(call, name, method, input, body).await,
        _ => Err(Failure::method_not_allowed()),
    }
}

async fn subresource(call: &mut Call, name: &str, method: &str, input: &Input, body: &Bytes) -> Result<Answer, Failure> {
    let document = || decode_json_or_yaml(&input.content_type, body);
    let resource = call.resource().clone();
    match name {
        "status" if call.served.version().status => match method {
            "GET" | "HEAD" => verbs::get(call),
            "PUT" => verbs::replace(call, Some("status"), document()?).await,
            "PATCH" => verbs::patch(call, Some("status"), &input.content_type, body).await,
            _ => Err(Failure::method_not_allowed()),
        },
        "scale" if call.served.version().scale.is_some() => match method {
            "GET" | "HEAD" => verbs::get_scale(call),
            "PUT" => verbs::write_scale(call, None, body).await,
            "PATCH" => verbs::write_scale(call, Some(&input.content_type), body).await,
            _ => Err(Failure::method_not_allowed()),
        },
        "finalize" if resource.is("", "namespaces") => match method {
            "PUT" => verbs::replace(call, Some("finalize"), document()?).await,
            _ => Err(Failure::method_not_allowed()),
        },
        "token" if resource.is("", "serviceaccounts") => match method {
            "POST" => verbs::request_token(call, &document()?.value),
            _ => Err(Failure::method_not_allowed()),
        },
        "binding" if resource.is("", "pods") => match method {
            "POST" => verbs::bind(call, &document()?.value).await,
            _ => Err(Failure::method_not_allowed()),
        },
        _ => Err(Failure::no_such_path()),
    }
}
