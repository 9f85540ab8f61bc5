//! The table of all diagnostic codes. A code is never used for another meaning; a code that is no longer given stays here.
//!
//! Ranges: 0001-0099 files and syntax, 0100-0199 expressions and functions, 0200-0299 configuration blocks,
//! 0300-0399 model and rendering, 0400-0499 planning, 0500-0599 state and plan files, 0600-0699 planes and applying.

use std::fmt;

/// A stable code, printed as `WL0123`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WL{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Code {
    /// The one-line meaning of the code.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        Code::ALL.iter().find(|(code, _)| *code == self).map_or("", |(_, meaning)| meaning)
    }
}

macro_rules! codes {
    ($($number:literal $name:ident $meaning:literal)*) => {
        impl Code {
            $(#[doc = $meaning] pub const $name: Code = Code($number);)*
            /// Every code with its meaning, by number.
            pub const ALL: &[(Code, &str)] = &[$((Code::$name, $meaning),)*];
        }
    };
}

codes! {
    1 FILE_NOT_UTF8 "The file is not valid UTF-8 text."
    2 FILE_HAS_NUL "The file holds a NUL byte."
    3 FILE_TOO_LARGE "The file is larger than the limit for configuration files."
    10 SYNTAX "The text does not follow the grammar of HCL."
    11 UNTERMINATED_STRING "A quoted string has no closing quote on its line."
    12 UNTERMINATED_HEREDOC "A heredoc has no closing marker."
    13 UNCLOSED_BRACKET "A bracket, brace or parenthesis is never closed."
    14 UNEXPECTED_CLOSING "A closing bracket, brace or parenthesis has no opening one."
    15 UNTERMINATED_COMMENT "A block comment is never closed."
    16 NESTING_TOO_DEEP "Expressions or blocks are nested deeper than the limit."
    17 INVALID_ESCAPE "A backslash sequence in a string is not one that exists."
    18 DUPLICATE_ATTRIBUTE "An attribute is set twice in one block."
    19 INVALID_NUMBER "A number cannot be represented."
    20 INVALID_TEMPLATE "A template is malformed."
    100 UNKNOWN_NAME "A name refers to nothing that exists."
    101 UNKNOWN_ATTRIBUTE "A value has no attribute or element of that name."
    102 UNKNOWN_FUNCTION "There is no function of that name."
    103 WRONG_TYPE "A value has a type that does not fit."
    104 WRONG_ARGUMENT_COUNT "A function is called with too few or too many arguments."
    105 INVALID_ARGUMENT "A function cannot work with the argument that it got."
    106 DIVISION_BY_ZERO "A number is divided by zero."
    107 DUPLICATE_KEY "An object has the same key twice."
    108 INVALID_INDEX "An index or key is not in the collection."
    109 NULL_VALUE "A value is null where one is needed."
    110 INCONSISTENT_TYPES "Two results that must have one type have no common type."
    111 EVALUATION_LIMIT "The evaluation needs more steps or memory than the limit allows."
    112 INVALID_TYPE "A type constraint is malformed."
    113 NUMBER_RANGE "A number is too large or too small to be computed with."
    114 FILE_UNREADABLE "A file that an expression names cannot be read."
    115 SECRET_NOT_ALLOWED "A secret value stands where it would become visible."
    116 UNKNOWN_NOT_ALLOWED "A value that is known only after apply stands where it is needed now."
    117 NOT_STATIC "An expression stands where only a constant or a plain reference is allowed."
    200 UNKNOWN_BLOCK "There is no block of that type here."
    201 UNEXPECTED_ATTRIBUTE "An attribute stands where none may stand."
    202 DUPLICATE_BLOCK "A block or name is declared twice."
    203 WRONG_LABELS "A block has too few or too many labels."
    204 MISSING_ATTRIBUTE "A block lacks an attribute that it needs."
    205 MISSING_BLOCK "A block lacks a nested block that it needs."
    206 MISSING_VARIABLE "A variable has no value and no default."
    207 INVALID_VALUE "A value is of the right type, but not one that is possible."
    208 INVALID_NAME "A name does not follow the rules of Kubernetes names."
    209 NAME_NOT_UNIQUE "Two clusters would have the same objects."
    210 CYCLE "Things refer to or wait for each other in a circle."
    211 NOT_YET "The language has this, this release does not have it yet."
    212 UNKNOWN_VERSION "A version is not one that this release knows or supports."
    213 WRONG_LAYERS "A cluster has too many or too few layers of a kind."
    214 INVALID_MANIFEST "A manifest file holds something else than Kubernetes objects."
    215 NOT_AN_OBJECT "An object lacks what makes it a Kubernetes object."
    216 OBJECT_TWICE "An object has two owners."
    217 REQUIRED_VERSION "The configuration needs another version of windlass."
    218 LEFT_OUT "A part of an object is left out because it has no place in a plan."
    219 COMPONENTS "A component repository holds something else than a provider's components."
    220 NO_EFFECT "Something is given that changes nothing."
    350 CLOUD_VALUE "An attribute has a value that the cloud does not take."
    351 CLOUD_CONFLICT "Attributes of a cloud exclude each other."
    352 CLOUD_INCOMPLETE "An attribute of a cloud needs another one beside it."
    353 CLOUD_NO_IMAGE "No machine image is given for the region and the Kubernetes version."
    354 CLOUD_RISK "A setting of a cloud works, but is seldom wanted."
    401 RESERVED_KEY "A value uses a key that is kept for placeholders."
    402 OBJECT_EXISTS "An object that would be made exists already and is not ours."
    403 DAY_TWO "The change is recognised, and this release cannot make it yet."
    404 PROTECTED "Something that is protected by prevent_destroy would be destroyed."
    405 OTHER_PLANE "A plane is not the one that the state was made with."
    406 OLD_STATE "The state is older than one that a plane has seen."
    407 UNANSWERED "A plane answers, but refused a question of the planner."
    408 FOREIGN_CONTENT "A cluster that would be destroyed holds load balancers, volumes or other objects that do not come from our layers."
    409 HOSTS_CLUSTERS "A cluster manages other clusters and cannot be destroyed."
    410 INVALID_OBJECT "An object does not follow the schema of its kind."
    411 BEING_DESTROYED "A cluster is in the middle of being destroyed."
    412 STILL_NEEDED "Something would be destroyed that others still need."
    413 BROKEN_RECORD "The state lacks what the planner needs to know of a resource."
    414 CLUSTER_CYCLE "Clusters wait for each other in a circle."
    415 PROVIDER_MISSING "A provider that somebody else installs does not run."
    416 OVERRIDE "A capi_override would change what is not its to change, or names a kind that is not there."
    417 NOT_ABANDONED "A cluster cannot be abandoned."
    418 GOING_DOWN "Somebody deletes an object that the machines of a cluster depend on."
    419 UNCHANGEABLE "An object that holds data is not as it was applied, and Kubernetes never changes the field."
    420 FIXED "An attribute that a cluster or cloud keeps as long as it lives has another value."
    421 VERSION_PATH "A cluster cannot go from its Kubernetes version to the one that is asked for."
    500 USAGE "The command line asks for something that cannot be."
    501 FILE_SYSTEM "A file or folder cannot be used."
    502 NO_CONFIGURATION "The folder holds no configuration."
    503 STATE_UNUSABLE "The state file is damaged, newer, or not one of ours."
    504 STATE_LOCKED "Another process writes the state."
    505 STATE_NOT_WRITTEN "The state could not be written."
    506 PLAN_UNUSABLE "The plan file is damaged, newer, or not a plan."
    507 PLAN_STALE "The world or the input is not as the plan saw it."
    508 PLANE_UNREACHABLE "A plane does not answer."
    509 STEP_FAILED "A step of a run failed."
    510 TIMED_OUT "What was waited for has not come yet."
    511 STOPPED "The user stopped the run."
    513 SANDBOX "The embedded sandbox could not be used."
    514 NOT_APPROVED "The plan was not approved."
    515 LOCK_FILE "The lock file does not fit the configuration."
    516 NO_SUCH_THING "The state holds nothing of that name."
    517 TERRAFORM_WORD "Terraform has this, windlass does it in another way."
    518 SECRETS_UNREADABLE "The values of a saved plan's secrets cannot be evaluated."
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn numbers_are_unique_and_sorted() {
        assert!(Code::ALL.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a < b)));
    }
}
