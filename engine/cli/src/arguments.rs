//! The command line as data.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use windlass_core::diag::Code;

use crate::argv::{self, VariableFlag};
use crate::exit;

/// A declarative plan/apply engine for Kubernetes clusters.
#[derive(Debug, Parser)]
#[command(
    name = "windlass",
    version,
    disable_help_subcommand = true,
    max_term_width = 120,
    args_override_self = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    /// Work in this folder
    #[arg(long, global = true, value_name = "DIR")]
    pub chdir: Option<PathBuf>,
    /// No colours
    #[arg(long, global = true)]
    pub no_color: bool,
    /// `-var` and `-var-file` in their order.
    #[arg(skip)]
    pub variables: Vec<VariableFlag>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create the state file and the lock file
    Init(Init),
    /// Check the configuration without looking at anything that lives
    Validate(Validate),
    /// Show what apply would do
    Plan(Plan),
    /// Make the world as the configuration says, or carry out a saved plan
    Apply(Apply),
    /// Destroy everything that the state holds
    Destroy(Destroy),
    /// Show the state or a saved plan
    Show(Show),
    /// Show outputs
    Output(Output),
    /// Draw the steps of a plan with what they need
    Graph(Graph),
    /// Look into the state
    #[command(subcommand)]
    State(State),
    /// Show what was changed outside of windlass; never writes
    Drift(Drift),
    /// Print the kubeconfig of a cluster, read live
    Kubeconfig(Kubeconfig),
    /// CAPI providers
    #[command(subcommand)]
    Providers(Providers),
    /// The embedded sandbox
    #[command(subcommand)]
    Sandbox(Sandbox),
    /// Run the in-cluster agent
    Agent(Agent),
    /// Print the version
    Version(Version),
}

impl Command {
    /// Whether it speaks in messages for programs, and in nothing else.
    pub fn streams(&self) -> bool {
        match self {
            Command::Plan(command) => command.json,
            Command::Apply(command) => command.writing.json,
            Command::Destroy(command) => command.writing.json,
            _ => false,
        }
    }
}

/// What every command on a module takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Module {
    /// Value of a variable; may be repeated, later ones win
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// File with values of variables
    #[arg(long, value_name = "FILE")]
    pub var_file: Vec<String>,
    /// State file
    #[arg(long, value_name = "FILE", env = "WL_STATE")]
    pub state: Option<PathBuf>,
    /// Ask for nothing (`false`)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", action = clap::ArgAction::Set)]
    pub input: bool,
    /// Warnings in one line each
    #[arg(long)]
    pub compact_warnings: bool,
    /// `readonly`: refuse to change the lock file
    #[arg(long, value_name = "MODE", value_parser = ["readonly"])]
    pub lockfile: Option<String>,
    /// Kubeconfig of a plane: of a cluster whose management plane is lost, or of `management.NAME`
    #[arg(long, value_name = "PLANE=FILE")]
    pub kubeconfig: Vec<String>,
    /// Folder with CLUSTER.kubeconfig files
    #[arg(long, value_name = "DIR", env = "WL_KUBECONFIG_DIR")]
    pub kubeconfig_dir: Option<PathBuf>,
}

/// What every command that writes takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Writing {
    /// Wait so long for the lock: 30s, 5m
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
    /// Steps at the same time
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub parallelism: usize,
    /// Approve without asking
    #[arg(long)]
    pub auto_approve: bool,
    /// Print events as JSON, one a line; needs -auto-approve or a saved plan
    #[arg(long)]
    pub json: bool,
}

/// What planning takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Planning {
    /// Plan to destroy everything
    #[arg(long)]
    pub destroy: bool,
    /// Replace this resource though nothing changed
    #[arg(long, value_name = "ADDR")]
    pub replace: Vec<String>,
    /// Refused: a plan without a look at what lives would be a guess
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", action = clap::ArgAction::Set)]
    pub refresh: bool,
    /// Only these resources
    #[arg(long, value_name = "ADDR")]
    pub target: Vec<String>,
}

/// What the making of a destroy plan takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Destroying {
    /// When destroying: forget this cluster, whose plane does not answer, and do nothing else; what it leaves behind is listed
    #[arg(long, value_name = "ADDR")]
    pub abandon: Vec<String>,
    /// When destroying: release load balancers and volumes that are not from our layers too
    #[arg(long)]
    pub release_foreign: bool,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    pub module: Module,
}

/// `validate`
#[derive(Debug, Args)]
pub struct Validate {
    #[command(flatten)]
    pub module: Module,
}

/// `plan`
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub module: Module,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub destroying: Destroying,
    /// Save the plan
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit 2 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Taken and not needed: planning holds no lock
    #[arg(long, value_name = "DURATION")]
    pub lock_timeout: Option<String>,
    /// Taken and not needed: planning has no steps
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub parallelism: Option<usize>,
    /// Print events as JSON, one a line; `show -json PLAN` prints a plan
    #[arg(long)]
    pub json: bool,
}

/// `apply`
#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    pub module: Module,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub destroying: Destroying,
    #[command(flatten)]
    pub writing: Writing,
    /// A cluster that may be destroyed in spite of -auto-approve (with -destroy each may be)
    #[arg(long, value_name = "ADDR")]
    pub allow_destroy: Vec<String>,
    /// The saved plan must have this digest
    #[arg(long, value_name = "sha256:…")]
    pub plan_digest: Option<String>,
    /// Saved plan, or folder
    #[arg(value_name = "PLAN")]
    pub plan: Option<PathBuf>,
}

/// `destroy`
#[derive(Debug, Args)]
pub struct Destroy {
    #[command(flatten)]
    pub module: Module,
    #[command(flatten)]
    pub writing: Writing,
    #[command(flatten)]
    pub destroying: Destroying,
}

/// `show`
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    pub module: Module,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Saved plan; without it the state is shown
    #[arg(value_name = "PLAN")]
    pub plan: Option<PathBuf>,
}

/// `output`
#[derive(Debug, Args)]
pub struct Output {
    #[command(flatten)]
    pub module: Module,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print a string without quotes
    #[arg(long)]
    pub raw: bool,
    /// Only this output
    pub name: Option<String>,
}

/// `graph`
#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    pub module: Module,
    /// What is planned, if no plan is given
    #[arg(long = "type", value_name = "TYPE", default_value = "plan")]
    pub of: GraphOf,
    /// A saved plan; without it one is made from the configuration
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Language of the drawing; `text` lists the steps by waves, with the critical path
    #[arg(long, value_name = "FORMAT", default_value = "dot")]
    pub format: Drawing,
}

/// What `graph` plans. Without words of their own, which would spread the help of all flags over more lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphOf {
    Plan,
    PlanDestroy,
}

/// How `graph` draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Drawing {
    Dot,
    Mermaid,
    Text,
}

/// `state`
#[derive(Debug, Subcommand)]
pub enum State {
    /// List resources
    List(StateList),
    /// Show one resource with its objects
    Show(StateShow),
}

/// `state list`
#[derive(Debug, Args)]
pub struct StateList {
    #[command(flatten)]
    pub module: Module,
    /// Only addresses that begin with this
    pub prefix: Option<String>,
}

/// `state show`
#[derive(Debug, Args)]
pub struct StateShow {
    #[command(flatten)]
    pub module: Module,
    /// Address
    pub address: String,
}

/// `drift`
#[derive(Debug, Args)]
pub struct Drift {
    #[command(flatten)]
    pub module: Module,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `kubeconfig`
#[derive(Debug, Args)]
pub struct Kubeconfig {
    #[command(flatten)]
    pub module: Module,
    /// Cluster: its name or address
    pub cluster: String,
}

/// `providers`
#[derive(Debug, Subcommand)]
pub enum Providers {
    /// Show providers, versions and the digests of their CRD facts
    Show(ProvidersShow),
}

/// `providers show`
#[derive(Debug, Args)]
pub struct ProvidersShow {
    #[command(flatten)]
    pub module: Module,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sandbox`
#[derive(Debug, Subcommand)]
pub enum Sandbox {
    /// Whether it runs, and what the simulated cloud holds
    Status(SandboxStatus),
    /// Run it in the foreground
    Serve(SandboxServe),
    /// End it; everything stays
    Stop,
    /// End it and forget everything in it
    Reset(SandboxReset),
    /// Print the kubeconfig of its management plane
    Kubeconfig,
}

/// `sandbox status`
#[derive(Debug, Args)]
pub struct SandboxStatus {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `sandbox serve`
#[derive(Debug, Args)]
pub struct SandboxServe {
    /// Data folder
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Leave the session of the terminal
    #[arg(long, hide = true)]
    pub detached: bool,
}

/// `sandbox reset`
#[derive(Debug, Args)]
pub struct SandboxReset {
    /// Approve without asking
    #[arg(long)]
    pub auto_approve: bool,
}

/// `agent`
#[derive(Debug, Args)]
pub struct Agent {
    /// Kubeconfig; default: the pod's ServiceAccount
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// `version`
#[derive(Debug, Args)]
pub struct Version {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What is printed in place of running a command.
pub struct Answer {
    text: String,
    error: bool,
}

impl Answer {
    /// Prints it and gives the exit code.
    pub fn print(&self) -> ExitCode {
        crate::view::raw(&self.text, self.error);
        if self.error { exit::ERROR } else { exit::OK }
    }
}

/// A number of steps.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("at least one step must be allowed".to_owned()),
        Ok(steps) => Ok(steps),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses the command line.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, Answer> {
    let given: Vec<OsString> = arguments.into_iter().collect();
    let texts: Vec<String> = given.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if let Some((word, way)) = argv::not_ours(texts.iter().map(String::as_str)) {
        return Err(Answer {
            text: format!("Error[{}]: windlass has no `{word}`\n |\n = hint: {way}\n\n", Code::TERRAFORM_WORD),
            error: true,
        });
    }
    let known = Arguments::command();
    let rewritten = argv::switched(argv::rewrite(given, &flags(&known)), &switches(&known));
    let variables = argv::variable_flags(&rewritten);
    match Arguments::try_parse_from(&rewritten) {
        Ok(parsed) => Ok(Arguments { variables, ..parsed }),
        Err(error) => {
            let text = argv::one_dash(&error.render().to_string());
            // Help and version are answers; the rest is told as every other error is.
            let text = text.strip_prefix("error: ").map_or_else(
                || text.clone(),
                |rest| {
                    let rest = rest
                        .replace("\n  tip: ", "\n = hint: ")
                        .replace("For more information, try '-help'.", " = hint: `-help` shows what can be written");
                    format!("Error[{}]: {rest}", Code::USAGE)
                },
            );
            Err(Answer { text, error: error.use_stderr() })
        }
    }
}

fn flags(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(flags)).collect()
}

/// The long names of flags that take no value.
fn switches(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter(|argument| matches!(argument.get_action(), clap::ArgAction::SetTrue));
    let own = own.filter_map(|argument| argument.get_long().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(switches)).collect()
}
