//! The rules of AWS that a schema cannot say: the cloud's region and credentials here, network and machines beside; renders nothing.

use windlass_core::diag::{Code, Diagnostic, Diagnostics};
use windlass_core::provider::{Body, CloudInput, ClusterInput};

use super::{check_machine, check_network};
use crate::body::Attributes;

/// Everything that is wrong with a cluster's AWS attributes, those of its cloud included.
pub fn check(cluster: &ClusterInput) -> Diagnostics {
    let mut diagnostics = check_cloud(&cluster.cloud);
    check_network::check(cluster, &mut diagnostics);
    for pool in std::iter::once(&cluster.control_plane).chain(&cluster.worker_pools) {
        check_machine::check(cluster, pool, &mut diagnostics);
    }
    diagnostics
}

/// Everything that is wrong with the attributes of a cloud.
pub fn check_cloud(input: &CloudInput) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    cloud(&mut Findings::new(&input.body, input.address.to_string(), &mut diagnostics));
    diagnostics
}

/// Collects what is wrong with one block. What could not be read is there and unknown, and nothing is said of it.
pub struct Findings<'a> {
    /// The block.
    pub body: &'a Body,
    what: String,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Findings<'a> {
    /// Findings about a block that people call `what`.
    pub fn new(body: &'a Body, what: String, diagnostics: &'a mut Diagnostics) -> Findings<'a> {
        Findings { body, what, diagnostics }
    }

    /// An error at an attribute of the block: `<path> of <block> <problem>`.
    pub fn error(&mut self, code: Code, path: &str, problem: &str, hint: &str) {
        let summary = format!("`{path}` of {} {problem}", self.what);
        self.push(Diagnostic::error(code, summary).hint(hint), path);
    }

    /// An error about the values of two attributes, either of which may be a default; it stands where the user wrote one of them.
    pub fn pair(&mut self, code: Code, one: (&str, &str), other: (&str, &str), problem: &str, hint: &str) {
        let places = [one.0, other.0].map(|path| self.body.written(path));
        let origin = |written: bool| if written { "as written" } else { "the default" };
        let [first, second] = places;
        let said = |(path, value): (&str, &str), place: bool| format!("`{path}` is {value} ({})", origin(place));
        let mut diagnostic = Diagnostic::error(code, format!("`{}` of {} {problem}", one.0, self.what))
            .detail(format!("{}, {}.", said(one, first.is_some()), said(other, second.is_some())))
            .hint(hint);
        diagnostic.primary = first.or(second).or(self.body.span);
        if let (Some(_), Some(second)) = (first, second) {
            diagnostic = diagnostic.related(second, "the other block");
        }
        self.diagnostics.push(diagnostic);
    }

    /// A warning at an attribute of the block.
    pub fn warning(&mut self, path: &str, problem: &str, hint: &str) {
        let summary = format!("`{path}` of {} {problem}", self.what);
        self.push(Diagnostic::warning(Code::CLOUD_RISK, summary).hint(hint), path);
    }

    /// An error for two attributes that cannot be set together.
    pub fn exclusive(&mut self, path: &str, other: &str, hint: &str) {
        if self.body.find(path).is_some() && self.body.find(other).is_some() {
            self.error(Code::CLOUD_CONFLICT, path, &format!("cannot stand beside `{other}`"), hint);
        }
    }

    /// An error for an attribute that means nothing without another one.
    pub fn needs(&mut self, path: &str, other: &str, hint: &str) {
        if self.body.find(path).is_some() && self.body.find(other).is_none() {
            self.error(Code::CLOUD_INCOMPLETE, path, &format!("needs `{other}`"), hint);
        }
    }

    /// An error for a text that is none of the words.
    pub fn one_of(&mut self, path: &str, words: &[&str]) {
        if let Some(text) = self.body.text(path).filter(|text| !words.contains(text)) {
            let problem = format!("is {text:?}, which AWS does not know");
            self.error(Code::CLOUD_VALUE, path, &problem, &format!("it is one of {}", words.join(", ")));
        }
    }

    /// An error for an AWS id, or one of a list of ids, that does not begin with its kind and go on in hexadecimal digits.
    pub fn id(&mut self, path: &str, kind: &str) {
        let ids: Vec<String> = self.body.text(path).into_iter().chain(self.body.texts(path).map(|(_, id)| id)).map(str::to_owned).collect();
        for id in ids.iter().filter(|id| !is_id(id, kind)) {
            let hint = format!("it looks like {kind}-0123456789abcdef0");
            self.error(Code::CLOUD_VALUE, path, &format!("holds {id:?}, which is no id of AWS"), &hint);
        }
    }

    /// Errors for tags that AWS or CAPA refuses (`api/v1beta2/tags.go`).
    pub fn tags(&mut self, path: &str) {
        let allowed = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_.:=+-@/".contains(c));
        let body = self.body;
        if body.pairs(path).count() > 50 {
            self.error(Code::CLOUD_VALUE, path, "holds more than 50 tags", "AWS allows 50 tags");
        }
        for (key, value) in body.pairs(path) {
            let value = value.as_str().unwrap_or_default();
            let fits = !key.is_empty() && key.len() <= 128 && value.len() <= 256 && allowed(key) && allowed(value);
            if !fits || key.to_lowercase().starts_with("aws:") {
                let hint = "keys have 1 to 128 and values up to 256 letters, digits, spaces or _.:=+-@/ and keys do not begin with aws:";
                self.error(Code::CLOUD_VALUE, path, &format!("holds the tag {key:?}, which AWS refuses"), hint);
            }
        }
    }

    fn push(&mut self, mut diagnostic: Diagnostic, path: &str) {
        diagnostic.primary = self.body.span_of(path);
        self.diagnostics.push(diagnostic);
    }
}

fn is_id(id: &str, kind: &str) -> bool {
    let digits = id.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-'));
    digits.is_some_and(|digits| digits.len() >= 8 && digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
}

fn cloud(findings: &mut Findings<'_>) {
    if let Some(region) = findings.body.text("region").filter(|region| !is_region(region)) {
        findings.error(Code::CLOUD_VALUE, "region", &format!("is {region:?}, which is no region"), "regions look like eu-west-1");
    }
    let (id, key) = ("credentials.access_key_id", "credentials.secret_access_key");
    findings.needs(id, key, "a static access key has an id and a secret");
    findings.needs(key, id, "a static access key has an id and a secret");
    findings.needs("credentials.session_token", id, "a session token belongs to a temporary static key");
    for path in ["credentials.external_id", "credentials.session_name"] {
        findings.needs(path, "credentials.role_arn", "it is sent when a role is assumed");
    }
    if let Some(role) = findings.body.text("credentials.role_arn").filter(|role| !is_role(role)) {
        let problem = format!("is {role:?}, which is no ARN of a role");
        findings.error(Code::CLOUD_VALUE, "credentials.role_arn", &problem, "it looks like arn:aws:iam::111122223333:role/capa");
    }
}

/// Lower case words joined by `-`, the last one a number: eu-west-1, us-gov-east-1.
fn is_region(region: &str) -> bool {
    let words: Vec<&str> = region.split('-').collect();
    let Some((number, names)) = words.split_last() else { return false };
    let named = names.len() >= 2 && names.iter().all(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()));
    named && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && account.len() == 12 && account.chars().all(|c| c.is_ascii_digit()) && role.strip_prefix("role/").is_some_and(|name| !name.is_empty()))
}
