//! What each trial may use of this machine: its places ("slots"), how many there are, and what a slot sets in the
//! environment.

use std::{collections::BTreeSet, fs, path::Path};

/// What there is to share out.
#[derive(Clone, Debug, PartialEq)]
pub struct Inventory {
    /// Cores this process may use; affinity and cgroup limits are taken into account.
    pub cpus: f64,
    /// GPUs, as `CUDA_VISIBLE_DEVICES` names them.
    pub gpus: Vec<String>,
}

/// What one trial asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Request {
    /// Cores; absent: it does not say.
    pub cpus: Option<f64>,
    /// Whole GPUs.
    pub gpus: u32,
}

/// A place in which one trial at a time runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// What is added to the environment of what runs there.
    pub env: Vec<(String, String)>,
}

/// The places there are, and what a person should know about their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// At least one.
    pub slots: Vec<Slot>,
    /// Where they are fewer than was asked for, or share cores.
    pub warning: Option<String>,
}

/// More GPUs are asked for than there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "each trial asks for {asked} GPU{} (nvidia.com/gpu), and this machine has {}",
    if *.asked == 1 { "" } else { "s" },
    if *.found == 0 { "none".to_owned() } else { .found.to_string() }
)]
pub struct TooFewGpus {
    /// `nvidia.com/gpu` of the template.
    pub asked: u32,
    /// How many there are.
    pub found: u32,
}

/// Variables that libraries for numbers take their number of threads from.
const THREAD_VARIABLES: [&str; 5] = [
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
];

impl Inventory {
    /// What this machine has, and of that what this process may use.
    pub fn of_this_machine() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let inherited = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        let found = match gpus_in(Path::new("/dev")) {
            0 => entries(Path::new("/proc/driver/nvidia/gpus")).count(),
            devices => devices,
        };
        Self { cpus, gpus: visible(inherited.as_deref(), found) }
    }
}

/// Device files of GPUs: `nvidia0`, `nvidia1`, ..., and not `nvidiactl` or `nvidia-uvm`. In a container these are the
/// ones that were given to it.
fn gpus_in(dev: &Path) -> usize {
    entries(dev)
        .filter(|name| {
            name.strip_prefix("nvidia").is_some_and(|number| {
                !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit())
            })
        })
        .count()
}

fn entries(dir: &Path) -> impl Iterator<Item = String> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// The names of the GPUs that may be used: as CUDA reads `CUDA_VISIBLE_DEVICES`, what follows the first name that is
/// not a device (`-1`, nothing) does not count.
fn visible(inherited: Option<&str>, found: usize) -> Vec<String> {
    match inherited {
        None => (0..found).map(|index| index.to_string()).collect(),
        Some(list) => list
            .split(',')
            .map(str::trim)
            .take_while(|name| match name.parse::<i64>() {
                Ok(index) => usize::try_from(index).is_ok_and(|index| index < found),
                Err(_) => !name.is_empty() && found > 0,
            })
            .map(str::to_owned)
            .collect(),
    }
}

/// Shares the machine out: as many places as the job wants, the cores allow and the GPUs allow, and at least one where
/// there are GPUs enough for one. `set_by_user` names what is in the environment already.
///
/// # Errors
/// When there are fewer GPUs than one trial asks for.
pub fn share_out(
    wanted: u32,
    request: Request,
    machine: &Inventory,
    set_by_user: &BTreeSet<String>,
) -> Result<Slots, TooFewGpus> {
    let found = machine.gpus.len() as u32;
    if request.gpus > found {
        return Err(TooFewGpus { asked: request.gpus, found });
    }
    let by_gpus = found.checked_div(request.gpus).unwrap_or(u32::MAX);
    let by_cpus = request.cpus.map_or(u32::MAX, |cpus| ((machine.cpus / cpus + 1e-9).floor() as u32).max(1));
    let count = wanted.min(by_gpus).min(by_cpus);
    let threads = request.cpus.map(|cpus| (cpus.round() as u32).max(1).to_string());
    let slots = (0..count as usize)
        .map(|slot| {
            let mut env = Vec::new();
            if request.gpus > 0 {
                let per = request.gpus as usize;
                let mine = machine.gpus[slot * per..(slot + 1) * per].join(",");
                env.push(("CUDA_VISIBLE_DEVICES".to_owned(), mine));
            }
            if let Some(threads) = &threads {
                let free = THREAD_VARIABLES.iter().filter(|name| !set_by_user.contains(**name));
                env.extend(free.map(|name| ((*name).to_owned(), threads.clone())));
            }
            Slot { env }
        })
        .collect();
    Ok(Slots { slots, warning: warning(wanted, count, by_gpus, request, machine) })
}

fn warning(wanted: u32, count: u32, by_gpus: u32, request: Request, machine: &Inventory) -> Option<String> {
    let cores = machine.cpus;
    let runs = match count {
        1 => "one trial runs at a time".to_owned(),
        count => format!("{count} trials run at once"),
    };
    match request.cpus {
        _ if count < wanted && by_gpus == count => Some(format!(
            "budget.parallelism is {wanted}, each trial asks for {} of {} GPUs: {runs}",
            request.gpus,
            machine.gpus.len()
        )),
        Some(cpus) if cpus > cores => Some(format!(
            "each trial asks for {cpus} CPUs, this machine has {cores}: {runs}, with what there is"
        )),
        Some(cpus) if count < wanted => Some(format!(
            "budget.parallelism is {wanted}, each trial asks for {cpus} of {cores} CPUs: {runs}"
        )),
        None if f64::from(wanted) > cores => Some(format!(
            "budget.parallelism is {wanted}, this machine has {cores} CPUs, and the trials do not say how many they \
             need: {runs} and share them; resources.limits.cpu in the template would bound that"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(cpus: f64, gpus: &[&str]) -> Inventory {
        Inventory { cpus, gpus: gpus.iter().map(|&gpu| gpu.to_owned()).collect() }
    }

    fn shared(wanted: u32, cpus: Option<f64>, gpus: u32, machine: &Inventory) -> Slots {
        share_out(wanted, Request { cpus, gpus }, machine, &BTreeSet::new()).unwrap()
    }

    fn env<'a>(slot: &'a Slot, name: &str) -> Option<&'a str> {
        slot.env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_job_that_asks_for_nothing_gets_what_it_wants() {
        let slots = shared(2, None, 0, &machine(4.0, &["0"]));
        assert_eq!(slots, Slots { slots: vec![Slot::default(); 2], warning: None });
    }

    #[test]
    fn more_trials_than_cores_is_said_and_done() {
        let slots = shared(64, None, 0, &machine(2.0, &[]));
        assert_eq!(slots.slots.len(), 64);
        let warning = slots.warning.unwrap();
        assert!(
            warning.contains("64") && warning.contains("2 CPUs") && warning.contains("limits.cpu"),
            "{warning}"
        );
    }

    #[test]
    fn each_gpu_slot_has_devices_of_its_own() {
        let slots = shared(8, None, 2, &machine(64.0, &["4", "5", "6", "7", "9"]));
        let devices: Vec<_> =
            slots.slots.iter().filter_map(|slot| env(slot, "CUDA_VISIBLE_DEVICES")).collect();
        assert_eq!(devices, ["4,5", "6,7"]);
        let warning = slots.warning.unwrap();
        assert!(warning.contains("2 of 5 GPUs: 2 trials run at once"), "{warning}");
    }

    #[test]
    fn too_few_gpus_are_an_error_that_says_how_many() {
        let none =
            share_out(1, Request { cpus: None, gpus: 1 }, &machine(1.0, &[]), &BTreeSet::new()).unwrap_err();
        assert_eq!(none.to_string(), "each trial asks for 1 GPU (nvidia.com/gpu), and this machine has none");
        let few = share_out(1, Request { cpus: None, gpus: 2 }, &machine(1.0, &["0"]), &BTreeSet::new())
            .unwrap_err();
        assert_eq!(few.to_string(), "each trial asks for 2 GPUs (nvidia.com/gpu), and this machine has 1");
    }

    #[test]
    fn cores_bound_the_slots_and_the_threads() {
        let slots = shared(8, Some(4.0), 0, &machine(16.0, &[]));
        assert_eq!(slots.slots.len(), 4);
        assert_eq!(env(&slots.slots[3], "OMP_NUM_THREADS"), Some("4"));
        assert_eq!(env(&slots.slots[3], "MKL_NUM_THREADS"), Some("4"));
        assert!(slots.warning.unwrap().contains("4 of 16 CPUs: 4 trials run at once"));
    }

    #[test]
    fn parts_of_a_core_add_up() {
        let slots = shared(30, Some(0.1), 0, &machine(2.0, &[]));
        assert_eq!(slots.slots.len(), 20, "2 / 0.1 is 20, whatever binary fractions say");
        assert_eq!(env(&slots.slots[0], "OMP_NUM_THREADS"), Some("1"));
    }

    #[test]
    fn a_trial_larger_than_the_machine_runs_alone_and_that_is_said() {
        let slots = shared(2, Some(8.0), 0, &machine(2.0, &[]));
        assert_eq!(slots.slots.len(), 1);
        let warning = slots.warning.unwrap();
        assert!(warning.contains("8 CPUs") && warning.contains("has 2"), "{warning}");
    }

    #[test]
    fn what_the_user_set_is_left_alone() {
        let set = BTreeSet::from(["OMP_NUM_THREADS".to_owned()]);
        let slots = share_out(1, Request { cpus: Some(2.0), gpus: 0 }, &machine(2.0, &[]), &set).unwrap();
        assert_eq!(env(&slots.slots[0], "OMP_NUM_THREADS"), None);
        assert_eq!(env(&slots.slots[0], "MKL_NUM_THREADS"), Some("2"));
    }

    #[test]
    fn an_inherited_list_of_devices_is_kept_to() {
        assert_eq!(visible(None, 2), ["0", "1"]);
        assert_eq!(visible(Some("1, 0"), 2), ["1", "0"]);
        assert_eq!(visible(Some("1,-1,0"), 2), ["1"]);
        assert_eq!(visible(Some("1,7"), 2), ["1"]);
        assert_eq!(visible(Some("GPU-8932f937,MIG-9"), 2), ["GPU-8932f937", "MIG-9"]);
        assert_eq!(visible(Some(""), 2), [""; 0]);
        assert_eq!(visible(Some("GPU-8932f937"), 0), [""; 0]);
    }

    #[test]
    fn device_files_of_gpus_are_told_from_their_neighbours() {
        let dev = tempfile::tempdir().unwrap();
        for name in ["nvidia0", "nvidia1", "nvidia12", "nvidiactl", "nvidia-uvm", "nvidia", "null"] {
            fs::write(dev.path().join(name), "").unwrap();
        }
        assert_eq!(gpus_in(dev.path()), 3);
        assert_eq!(gpus_in(Path::new("/nowhere")), 0);
    }
}
