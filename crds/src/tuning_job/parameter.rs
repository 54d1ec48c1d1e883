//! One dimension of the search space.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema;

/// A parameter of the search space.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(self.type in ['float', 'int']) || (has(self.min) && has(self.max))").message("a float or int parameter needs min and max"))]
#[x_kube(validation = Rule::new("!has(self.min) || !has(self.max) || self.min < self.max").message("min must be less than max"))]
#[x_kube(validation = Rule::new("!has(self.scale) || self.scale != 'log' || !has(self.min) || self.min > 0.0").message("scale log needs min > 0"))]
#[x_kube(validation = Rule::new("!has(self.scale) || self.scale != 'reverseLog' || !has(self.max) || (self.max < 1.0 && (!has(self.min) || self.min >= 0.0))").message("scale reverseLog needs min >= 0 and max < 1"))]
#[x_kube(validation = Rule::new("self.type in ['float', 'int'] || !(has(self.min) || has(self.max) || has(self.step) || has(self.scale) || has(self.distribution))").message("min, max, step, scale and distribution are for float and int parameters"))]
pub struct ParameterSpec {
    /// Unique name. It becomes the environment variable PARAM_<name>: letters, digits and _, not beginning with a
    /// digit.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,

    /// float: a number between min and max. int: a whole number between min and max, both included. categorical: one
    /// of values. fixed: always value. architecture: a list with one choice for each of positions.
    #[serde(rename = "type")]
    pub type_: ParameterType,

    /// Least value of a float or int. Example: 1.0e-4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,

    /// Greatest value of a float or int, itself included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,

    /// Only min, min + step, min + 2 step, ... up to max, which must be one of them. Example: 32. Absent: any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 0.0, "exclusiveMinimum" = true))]
    pub step: Option<f64>,

    /// How distances in the range are measured. linear: as they are. log: 0.001 to 0.01 is as far as 0.01 to 0.1,
    /// for learning rates and weight decay; min must be positive. reverseLog: 0.9 to 0.99 is as far as 0.99 to 0.999,
    /// for momentum; max must be less than 1. Default: linear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleName>,

    /// For categorical: true when the order of values means something (small, medium, large), so that neighbours
    /// are taken to be alike. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<bool>,

    /// What is believed of a float or int before anything was tried. Default: uniform in the scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<DistributionSpec>,

    /// For categorical: the values to choose from, text, numbers or true and false. Example: [sgd, adam].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024), schema_with = "schema::values")]
    pub values: Option<Vec<Value>>,

    /// For fixed: the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub value: Option<Value>,

    /// For architecture: the choices at each position. Example: [[conv3, conv5], [conv3, conv5, pool], [dense]]. The
    /// same choice at two positions is taken to be the same thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), schema_with = "schema::positions")]
    pub positions: Option<Vec<Vec<Value>>>,

    /// The parameter exists only when each named parameter exists and has one of the values; otherwise the trial
    /// does not get it. Parents are declared earlier and are categorical, int or fixed. Example:
    /// {optimizer: [sgd]}. Absent: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::conditions_on_parents")]
    pub when: Option<BTreeMap<String, Vec<Value>>>,
}

/// What kind of values a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum ParameterType {
    Float,
    Int,
    Categorical,
    Fixed,
    Architecture,
}

/// How distances in a range are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum ScaleName {
    #[default]
    Linear,
    Log,
    ReverseLog,
}

/// What is believed of a parameter before anything was tried.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.type == 'normal' ? has(self.mean) && has(self.standardDeviation) : !has(self.mean) && !has(self.standardDeviation)").message("a normal distribution needs mean and standardDeviation, a uniform one has neither"))]
pub struct DistributionSpec {
    /// uniform: every part of the range, in its scale, is as likely. normal: around mean, cut off at min and max.
    #[serde(rename = "type")]
    pub type_: DistributionType,

    /// For normal: the most likely value, in the parameter's own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,

    /// For normal: standard deviation in the parameter's scale. With scale log it is in units of the natural
    /// logarithm: 2.3 is a factor of ten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minimum" = 0.0, "exclusiveMinimum" = true))]
    pub standard_deviation: Option<f64>,
}

/// Shape of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "the field says it")]
pub enum DistributionType {
    Uniform,
    Normal,
}
