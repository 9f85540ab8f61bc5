//! The intermediate representation: what a configuration file says, free of its layout. Every node knows its place in the
//! source. Must not know what any block means.

use std::sync::Arc;

use crate::diag::Span;
use crate::value::Value;

/// An interned identifier.
pub type Name = Arc<str>;

/// What stands in a file or between the braces of a block.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The attributes in the order of the source; names are unique.
    pub attributes: Vec<Attribute>,
    /// The blocks in the order of the source.
    pub blocks: Vec<Block>,
    /// What stands at the top of a file and could not be read.
    pub spoilt: Vec<Spoilt>,
}

/// A block or attribute with a syntax error: what it would have declared is not missed elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Spoilt {
    /// Its first word; `None` if not even that is known.
    pub kind: Option<Name>,
    /// Its labels, as far as they are known.
    pub labels: Vec<Name>,
}

/// `name = expr`
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name.
    pub name: Name,
    /// The place of the name.
    pub name_span: Span,
    /// The value.
    pub expr: Expr,
}

/// `kind "label" … { body }`
#[derive(Clone, Debug)]
pub struct Block {
    /// The first word.
    pub kind: Name,
    /// The place of the first word.
    pub kind_span: Span,
    /// The labels, quoted or not.
    pub labels: Vec<Label>,
    /// What stands between the braces.
    pub body: Body,
    /// The place of the header, from the first word to the last label.
    pub header_span: Span,
    /// The place of the whole block, to the closing brace.
    pub span: Span,
}

/// A label of a block.
#[derive(Clone, Debug)]
pub struct Label {
    /// The text without quotes.
    pub text: Name,
    /// The place, with quotes.
    pub span: Span,
}

/// An expression and its place.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it is.
    pub span: Span,
}

/// The kinds of expressions. Parentheses leave no trace.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A null, bool, number, or string without interpolation.
    Literal(Value),
    /// A string with interpolations or directives.
    Template(Box<Template>),
    /// `[a, b]`
    Tuple(Vec<Expr>),
    /// `{ k = v }`
    Object(Vec<ObjectItem>),
    /// A name alone.
    Variable(Name),
    /// `base.a["b"][*].c`; at least one step.
    Traversal(Box<Traversal>),
    /// `!x`, `-x`
    Unary(UnaryOperator, Box<Expr>),
    /// `a + b`
    Binary(Box<Binary>),
    /// `condition ? then : otherwise`
    Conditional(Box<Conditional>),
    /// `name(arguments)`
    Call(Box<Call>),
    /// `[for …]`, `{for …}`
    For(Box<For>),
}

/// A key and a value of an object expression.
#[derive(Clone, Debug)]
pub struct ObjectItem {
    /// The key; a bare word is a literal string.
    pub key: Expr,
    /// The value.
    pub value: Expr,
}

/// A base and the steps into it.
#[derive(Clone, Debug)]
pub struct Traversal {
    /// What the first step goes into.
    pub base: Expr,
    /// The steps from left to right; all steps after a splat go into each of its elements.
    pub steps: Vec<Step>,
}

/// One step of a traversal.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is.
    pub kind: StepKind,
    /// Where it is, with its dot or brackets.
    pub span: Span,
}

/// The kinds of steps.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// `.name`
    Attribute(Name),
    /// `[expr]` or `.0`
    Index(Expr),
    /// `.*`, into which only the `.name` and `.0` right behind it go; what follows them goes into the whole result.
    AttributeSplat {
        /// How many of the steps behind it go into every element.
        inner: usize,
    },
    /// `[*]`
    Splat,
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// Two operands and the operator between them.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The operator.
    pub operator: BinaryOperator,
    /// The left operand.
    pub left: Expr,
    /// The right operand.
    pub right: Expr,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
    /// `&&`
    And,
    /// `||`
    Or,
}

/// `condition ? then : otherwise`
#[derive(Clone, Debug)]
pub struct Conditional {
    /// What decides.
    pub condition: Expr,
    /// The value when it is true.
    pub then: Expr,
    /// The value when it is false.
    pub otherwise: Expr,
}

/// `name(a, b…)`
#[derive(Clone, Debug)]
pub struct Call {
    /// The function's name, with `::` between namespaces.
    pub name: Name,
    /// The place of the name.
    pub name_span: Span,
    /// The arguments.
    pub arguments: Vec<Expr>,
    /// Whether `...` follows the last argument, which then stands for all its elements.
    pub expand: bool,
}

/// `[for key, value in collection : result if condition]` or `{for … : key_result => result...}`
#[derive(Clone, Debug)]
pub struct For {
    /// The name of the key or index, when there is one.
    pub key: Option<Name>,
    /// The name of the value.
    pub value: Name,
    /// What is walked over.
    pub collection: Expr,
    /// The key of each entry; an object is made when there is one, else a tuple.
    pub key_result: Option<Expr>,
    /// The value of each entry.
    pub result: Expr,
    /// Whether `...` groups values of equal keys.
    pub grouping: bool,
    /// Which entries to keep.
    pub condition: Option<Expr>,
}

/// A string with interpolations or directives.
#[derive(Clone, Debug)]
pub struct Template {
    /// The parts, strip markers and indentation already done.
    pub parts: Vec<Part>,
    /// True for `"${x}"`: one interpolation and nothing else, which keeps the type of its value.
    pub passes_through: bool,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text, taken as it is.
    Text(Arc<str>),
    /// `${expr}`
    Interpolation(Expr),
    /// `%{ if condition }then%{ else }otherwise%{ endif }`
    If {
        /// What decides.
        condition: Expr,
        /// The parts when it is true.
        then: Vec<Part>,
        /// The parts when it is false.
        otherwise: Vec<Part>,
    },
    /// `%{ for key, value in collection }body%{ endfor }`
    For {
        /// The name of the key or index, when there is one.
        key: Option<Name>,
        /// The name of the value.
        value: Name,
        /// What is walked over.
        collection: Expr,
        /// The parts for each element.
        body: Vec<Part>,
    },
}

impl Body {
    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| &*attribute.name == name)
    }

    /// The blocks of that kind, in the order of the source.
    pub fn blocks_of<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b Block> {
        self.blocks.iter().filter(move |block| &*block.kind == kind)
    }

    /// Whether a block that could not be read may be one of this kind and these labels.
    #[must_use]
    pub fn may_hold(&self, kind: &str, labels: &[&str]) -> bool {
        self.spoilt.iter().any(|spoilt| {
            spoilt.kind.as_deref().is_none_or(|other| other == kind)
                && (spoilt.labels.len() != labels.len() || spoilt.labels.iter().zip(labels).all(|(one, other)| **one == **other))
        })
    }

    /// Adds all attributes and blocks of another body, as for several files of one module.
    pub fn append(&mut self, mut other: Body) {
        self.attributes.append(&mut other.attributes);
        self.blocks.append(&mut other.blocks);
        self.spoilt.append(&mut other.spoilt);
    }
}

impl Block {
    /// The text of the label at that position.
    #[must_use]
    pub fn label(&self, position: usize) -> Option<&Name> {
        self.labels.get(position).map(|label| &label.text)
    }
}

impl Expr {
    /// The literal value, when it is one.
    #[must_use]
    pub fn as_literal(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// The text, when it is a string without interpolation.
    #[must_use]
    pub fn as_literal_str(&self) -> Option<&str> {
        self.as_literal().and_then(Value::as_str)
    }
}

impl BinaryOperator {
    /// The operator as it is written.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOperator::Equal => "==",
            BinaryOperator::NotEqual => "!=",
            BinaryOperator::Less => "<",
            BinaryOperator::LessOrEqual => "<=",
            BinaryOperator::Greater => ">",
            BinaryOperator::GreaterOrEqual => ">=",
            BinaryOperator::Add => "+",
            BinaryOperator::Subtract => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
            BinaryOperator::And => "&&",
            BinaryOperator::Or => "||",
        }
    }
}
