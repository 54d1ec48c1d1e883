//! `Auptimizer`: `#Auptimizer:0.93`, what scripts written for Auptimizer print at their end.

use super::{Format, LineFormat, Reader, text};

pub(super) const FORMAT: Format = Format {
    name: "Auptimizer",
    open: |settings| Ok(Reader::Lines(Box::new(Auptimizer { objectives: settings.objectives.to_vec() }))),
    shape: |_| "lines such as \"#Auptimizer:0.93\"".to_owned(),
};

const MARK: &[u8] = b"#Auptimizer:";

/// The values are the objectives in the job's order, parted by commas or spaces, in brackets or not. Every such
/// line is a report, so the last one is the trial's result.
struct Auptimizer {
    objectives: Vec<String>,
}

impl LineFormat for Auptimizer {
    fn read(&mut self, line: &[u8], values: &mut Vec<(String, f64)>) {
        let Some(result) = line.trim_ascii().strip_prefix(MARK) else { return };
        let numbers = result
            .split(|byte| b",;[]() \t".contains(byte))
            .filter(|number| !number.is_empty())
            .map_while(text::whole_number);
        values.extend(self.objectives.iter().cloned().zip(numbers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::metrics::tests::read_line;

    fn read(line: &str) -> Vec<f64> {
        let mut format = Auptimizer { objectives: vec!["accuracy".into(), "latency".into()] };
        read_line(&mut format, line).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn values_are_the_objectives_in_order() {
        assert_eq!(read("#Auptimizer:0.93"), [0.93]);
        assert_eq!(read("#Auptimizer: 0.93, 12"), [0.93, 12.0]);
        assert_eq!(read("#Auptimizer:[0.93, 12, 5]"), [0.93, 12.0]);
        assert_eq!(read("#Auptimizer:nan").len(), 1);
    }

    #[test]
    fn other_lines_are_logs() {
        for line in ["Auptimizer:1", "x #Auptimizer:1", "#Auptimizer", "#Auptimizer:", "#Auptimizer:good"] {
            assert_eq!(read(line), [] as [f64; 0], "{line}");
        }
    }
}
