//! What can be wrong between parameters: names and conditions.

use super::{Condition, Domain, Parameter};
use crate::{Invalid, suggest::did_you_mean};

/// Everything that is wrong, in declared order.
pub(super) fn check(parameters: &[Parameter]) -> Vec<Invalid> {
    let mut wrong = Vec::new();
    for (at, parameter) in parameters.iter().enumerate() {
        if let Some(first) = parameters[..at].iter().position(|earlier| earlier.name == parameter.name) {
            wrong.push(Invalid::new(
                format!("[{at}].name"),
                format!("{} is the name of [{first}] too; every parameter needs its own", parameter.name),
            ));
        }
        for condition in &parameter.when {
            let field = format!("[{at}].when.{}", condition.parent);
            match parent_of(parameters, at, condition) {
                Ok(parent) => wrong.extend(check_values(&field, parent, condition)),
                Err(problem) => wrong.push(Invalid::new(field, problem)),
            }
        }
    }
    wrong
}

fn parent_of<'a>(
    parameters: &'a [Parameter],
    at: usize,
    condition: &Condition,
) -> Result<&'a Parameter, String> {
    let child = &parameters[at].name;
    let wanted = &condition.parent;
    let Some(parent) = parameters.iter().position(|parameter| parameter.name == *wanted) else {
        let others =
            parameters.iter().map(|other| other.name.as_str()).filter(|name| *name != child.as_str());
        return Err(format!("there is no parameter {wanted}{}", did_you_mean(wanted.as_str(), others)));
    };
    if wanted == child {
        return Err(format!("{child} cannot depend on itself"));
    }
    if parent < at {
        return Ok(&parameters[parent]);
    }
    Err(match chain(parameters, parent, at) {
        Some(chain) => format!("makes a cycle: {child} depends on {}", chain.join(", which depends on ")),
        None => format!("{wanted} is declared after {child}: move it before"),
    })
}

/// The names by which the parameter at `from` comes to depend on the one at `to`, both included.
fn chain(parameters: &[Parameter], from: usize, to: usize) -> Option<Vec<String>> {
    fn walk(parameters: &[Parameter], at: usize, to: usize, seen: &mut Vec<usize>) -> bool {
        if seen.contains(&at) {
            return false;
        }
        seen.push(at);
        let parents = parameters[at].when.iter().filter_map(|condition| {
            parameters.iter().position(|parameter| parameter.name == condition.parent)
        });
        if at == to || parents.into_iter().any(|parent| walk(parameters, parent, to, seen)) {
            return true;
        }
        seen.pop();
        false
    }
    let mut seen = Vec::new();
    walk(parameters, from, to, &mut seen)
        .then(|| seen.into_iter().map(|at| parameters[at].name.to_string()).collect())
}

fn check_values(field: &str, parent: &Parameter, condition: &Condition) -> Vec<Invalid> {
    if condition.values.is_empty() {
        return vec![Invalid::new(field, format!("is empty: give at least one value of {}", parent.name))];
    }
    if let Domain::Float(range) = &parent.domain
        && range.step().is_none()
    {
        let problem = format!(
            "{} is a float without a step, which as good as never has exactly one value; give it a step",
            parent.name
        );
        return vec![Invalid::new(field, problem)];
    }
    let mut wrong = Vec::new();
    for (at, value) in condition.values.iter().enumerate() {
        if parent.domain.normalise(value).is_none() {
            let problem = format!("{} cannot be {value}: {}", parent.name, parent.domain.allowed(value));
            wrong.push(Invalid::new(format!("{field}[{at}]"), problem));
        }
    }
    wrong
}
