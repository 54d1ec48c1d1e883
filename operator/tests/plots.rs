//! Plots as files: well-formed, complete, drawn in time.

#[path = "common/sample.rs"]
mod sample;

use clap::ValueEnum;
use resvg::{tiny_skia, usvg::roxmltree};
use temper_operator::plot::{Kind, figure, to_html, to_png, to_svg, to_text};

/// All text of the picture, in order.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).expect("well-formed XML");
    let nodes = document.descendants().filter(|node| node.has_tag_name("text"));
    nodes.filter_map(|node| node.text()).map(str::to_owned).collect()
}

fn drawn(kind: Kind) -> Vec<String> {
    texts(&to_svg(&figure(kind, &sample::job(60, true)).expect("something to show")))
}

fn assert_holds(texts: &[String], expected: &[&str]) {
    for part in expected {
        assert!(texts.iter().any(|text| text == part), "{part:?} is not among {texts:?}");
    }
}

#[test]
fn every_kind_is_well_formed_xml_and_says_what_it_shows() {
    let job = sample::job(60, true);
    for &kind in Kind::value_variants() {
        let figure = figure(kind, &job).expect("something to show");
        let texts = texts(&to_svg(&figure));
        assert_eq!(texts[0], figure.title, "{}", kind.name());
        assert!(texts[1].starts_with("fashion: 60 trials"), "{}", texts[1]);
    }
}

#[test]
fn the_history_marks_failures_and_the_best() {
    let texts = drawn(Kind::History);
    assert_holds(&texts, &["trial", "accuracy (higher is better)", "failed", "completed", "best so far"]);
}

#[test]
fn time_is_in_a_clocks_units() {
    assert_holds(&drawn(Kind::Time), &["0 min", "10 min"]);
}

#[test]
fn a_logarithmic_parameter_has_a_logarithmic_axis() {
    for kind in [Kind::Slices, Kind::Parallel] {
        assert_holds(&drawn(kind), &["learningRate", "10⁻⁴", "0.001", "0.01", "0.1", "sgd", "momentum"]);
    }
}

#[test]
fn importance_names_the_parameters_by_their_share() {
    let texts = drawn(Kind::Importance);
    assert_holds(&texts, &["learningRate", "dropout", "share of the differences in accuracy"]);
    let shares: Vec<f64> = texts.iter().filter_map(|text| text.strip_suffix(" %")?.parse().ok()).collect();
    assert!(shares.len() >= 6, "{texts:?}");
}

#[test]
fn a_fixed_parameter_is_not_drawn() {
    assert!(!drawn(Kind::Parallel).contains(&"epochs".to_owned()));
}

#[test]
fn curves_show_the_rungs_and_are_sampled_when_there_are_too_many() {
    assert_holds(&drawn(Kind::Curves), &["epoch", "rung", "best"]);
    let many = texts(&to_svg(&figure(Kind::Curves, &sample::job(2_000, false)).expect("curves")));
    assert!(many.iter().any(|text| text.contains("of 1900 curves are drawn")), "{many:?}");
}

#[test]
fn a_job_of_one_objective_has_no_front() {
    let error = figure(Kind::Pareto, &sample::job(10, false)).expect_err("one objective");
    assert!(error.to_string().contains("one objective"), "{error}");
}

#[test]
fn a_job_without_results_says_so() {
    let error = figure(Kind::History, &sample::job(0, false)).expect_err("nothing to show");
    assert_eq!(error.to_string(), "job fashion has no trials yet");
}

#[test]
fn names_that_mean_something_in_xml_are_only_names() {
    let mut job = sample::job(5, false);
    job.name = "a<b> & \"c\"".to_owned();
    let svg = to_svg(&figure(Kind::History, &job).expect("something to show"));
    assert!(texts(&svg)[1].starts_with("a<b> & \"c\": 5 trials"), "{svg}");
}

#[test]
fn a_png_has_the_figures_size_twice_and_its_text() {
    let figure = figure(Kind::History, &sample::job(60, false)).expect("something to show");
    let png = to_png(&figure).expect("a picture");
    let picture = tiny_skia::Pixmap::decode_png(&png).expect("a PNG");
    let svg = to_svg(&figure);
    let document = roxmltree::Document::parse(&svg).expect("well-formed XML");
    let width: u32 =
        document.root_element().attribute("width").and_then(|w| w.parse().ok()).expect("a width");
    assert_eq!(picture.width(), width * 2);
    // The title's letters are dark pixels in the upper left corner.
    let is_dark = |x, y| picture.pixel(x, y).is_some_and(|pixel| pixel.red() < 100);
    let dark = (40..70).flat_map(|y| (0..600).map(move |x| (x, y))).filter(|&(x, y)| is_dark(x, y)).count();
    assert!(dark > 500, "only {dark} dark pixels where the title should be");
}

#[test]
fn a_page_holds_every_figure_under_names_of_its_own() {
    let job = sample::job(60, true);
    let figures: Vec<_> = Kind::value_variants().iter().filter_map(|&kind| figure(kind, &job).ok()).collect();
    let page = to_html("Job <fashion>", &figures);
    assert_eq!(page.matches("<svg ").count(), figures.len());
    assert!(page.contains("<title>Job &lt;fashion></title>"));
    let mut names: Vec<&str> =
        page.split("clipPath id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn in_a_terminal_nothing_is_wider_than_the_terminal() {
    let job = sample::job(60, true);
    for &kind in Kind::value_variants() {
        for columns in [40, 80, 200] {
            let text = to_text(&figure(kind, &job).expect("something to show"), columns);
            let plain = anstream::adapter::strip_str(&text).to_string();
            // The heading and the notes are sentences; the drawing is what must not wrap.
            let widest = plain.lines().filter(|line| line.contains(['│', '└', '⠅']));
            let widest = widest.map(|line| line.chars().count()).max().unwrap_or_default();
            assert!(widest <= columns, "{} is {widest} wide in {columns} columns", kind.name());
        }
    }
}

#[test]
fn ten_thousand_trials_stay_small_and_quick() {
    let job = sample::job(10_000, true);
    let begin = std::time::Instant::now();
    for &kind in Kind::value_variants() {
        let svg = to_svg(&figure(kind, &job).expect("something to show"));
        assert!(svg.len() < 1_500_000, "{} takes {} bytes", kind.name(), svg.len());
    }
    // Unoptimised, on a busy machine.
    assert!(begin.elapsed().as_secs() < 10, "took {:?}", begin.elapsed());
}
