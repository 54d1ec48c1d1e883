//! Configurations of another space as configurations of this one.

use super::{Configuration, Domain, Space};
use crate::{ParamName, schedule::MAX_PARAMETERS};

/// Why a configuration of another space is none of this one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfit {
    /// It has no value of this parameter.
    Missing(ParamName),
    /// Its value of this parameter is none that it takes here.
    Outside(ParamName),
}

impl Space {
    /// The values of those parameters that this space has too, if they make a configuration of it.
    ///
    /// One that lacks a value, or has one outside, is not bent to fit. The nearest value inside is not what was
    /// measured, and a default would put every such configuration on one plane of the space, where a model would
    /// learn of that plane what nobody tried there. (Optuna's intersection search space keeps such trials and models
    /// what all trials have in common only: then a single old trial takes a parameter away from the model.) Values of
    /// parameters that this space does not have are dropped: what they did is noise here. A fixed parameter is no
    /// dimension of a model: one that the other space lacks is filled in, and one that says how far trials go may
    /// differ, since how far each went is known of itself.
    ///
    /// # Errors
    /// The first parameter, in this space's order, that it does not fit in.
    pub fn adopt(&self, other: &Configuration) -> Result<Configuration, Misfit> {
        let mut adopted = Configuration::default();
        for parameter in &self.parameters {
            if !parameter.is_active_in(&adopted) {
                continue;
            }
            let name = &parameter.name;
            let value = match (&parameter.domain, other.get(name.as_str())) {
                (Domain::Fixed(value), None) => value.clone(),
                (Domain::Fixed(value), Some(_)) if MAX_PARAMETERS.contains(&name.as_str()) => value.clone(),
                (_, None) => return Err(Misfit::Missing(name.clone())),
                (domain, Some(value)) => {
                    domain.normalise(value).ok_or_else(|| Misfit::Outside(name.clone()))?
                }
            };
            adopted.0.insert(name.clone(), value);
        }
        Ok(adopted)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        search::testing::{choice, float, int, parameter, space, text, when},
        space::{Value, strategies},
    };

    fn configuration(values: &[(&str, Value)]) -> Configuration {
        let named = values.iter().map(|(name, value)| (ParamName::parse(name).unwrap(), value.clone()));
        Configuration(named.collect())
    }

    fn later() -> Space {
        let fixed = |name, value| parameter(name, Domain::Fixed(Value::Int(value)));
        space(vec![
            parameter("optimizer", choice(&["sgd", "adam"])),
            when(parameter("momentum", float(0.0, 1.0)), "optimizer", &[text("sgd")]),
            parameter("layers", int(2, 8)),
            fixed("batch", 64),
            fixed("epochs", 27),
        ])
    }

    #[test]
    fn what_has_the_same_name_and_lies_inside_is_taken_over() {
        let sgd = configuration(&[
            ("optimizer", text("sgd")),
            ("momentum", Value::Int(1)),
            ("layers", Value::Float(3.0)),
            ("epochs", Value::Int(9)),
            ("dropout", Value::Float(0.5)),
        ]);
        let adopted = configuration(&[
            ("optimizer", text("sgd")),
            ("momentum", Value::Float(1.0)),
            ("layers", Value::Int(3)),
            ("batch", Value::Int(64)),
            ("epochs", Value::Int(27)),
        ]);
        assert_eq!(later().adopt(&sgd), Ok(adopted));
    }

    #[test]
    fn a_value_that_is_inactive_here_is_not_asked_for_and_not_taken() {
        let adam = [("optimizer", text("adam")), ("layers", Value::Int(3))];
        let with = configuration(&[&adam[..], &[("momentum", Value::Float(0.9))]].concat());
        let adopted = later().adopt(&with).unwrap();
        assert_eq!(adopted.get("momentum"), None);
        assert_eq!(later().adopt(&configuration(&adam)), Ok(adopted));
    }

    #[test]
    fn what_does_not_fit_says_in_which_parameter() {
        let name = |name: &str| ParamName::parse(name).unwrap();
        let misfit = |values: &[(&str, Value)]| later().adopt(&configuration(values)).unwrap_err();
        let (sgd, layers) = (("optimizer", text("sgd")), ("layers", Value::Int(9)));
        assert_eq!(misfit(&[("optimizer", text("lbfgs"))]), Misfit::Outside(name("optimizer")));
        assert_eq!(misfit(std::slice::from_ref(&sgd)), Misfit::Missing(name("momentum")));
        assert_eq!(misfit(&[sgd, ("momentum", Value::Int(0)), layers]), Misfit::Outside(name("layers")));
        let adam = [("optimizer", text("adam")), ("layers", Value::Int(3)), ("batch", Value::Int(32))];
        assert_eq!(misfit(&adam), Misfit::Outside(name("batch")), "it was measured with another batch");
    }

    proptest! {
        #[test]
        fn a_space_adopts_its_own_configurations_as_they_are(space in strategies::space(), seed in any::<u64>()) {
            let mut rng = crate::rng::for_trial(seed, crate::TrialIndex(0), "test");
            let own = space.decode(&crate::search::random::coordinates(&mut rng, space.dimensions().len()));
            prop_assert_eq!(space.adopt(&own), Ok(own));
        }
    }
}
