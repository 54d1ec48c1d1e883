//! Where to compute, and with how many threads.

use std::{env, path::Path, thread};

use clap::ValueEnum;
use tch::{Cuda, Device, Kind};

use super::{Failure, parameters::Precision};

/// What `--device` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wish {
    /// The GPU if there is one.
    #[default]
    Auto,
    Cpu,
    Cuda,
}

/// Finds the device; loads CUDA's half of libtorch only where there is a GPU to use, for it takes seconds.
///
/// # Errors
/// When a GPU is asked for and there is none, or libtorch cannot use it.
pub(crate) fn choose(wish: Wish) -> Result<Device, Failure> {
    let visible =
        !env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|devices| devices.trim().is_empty() || devices == "-1");
    // The driver's device nodes, natively and in WSL.
    let has_driver = ["/dev/nvidiactl", "/dev/dxg"].iter().any(|node| Path::new(node).exists());
    let problem = match wish {
        Wish::Cpu => return Ok(Device::Cpu),
        _ if !has_driver => "there is no NVIDIA driver here (no /dev/nvidiactl)".to_owned(),
        _ if !visible => "CUDA_VISIBLE_DEVICES hides every GPU".to_owned(),
        _ => match load_cuda() {
            Ok(()) if Cuda::is_available() => {
                tch::Cuda::cudnn_set_benchmark(true);
                return Ok(Device::Cuda(0));
            }
            Ok(()) => "libtorch finds no usable GPU: is the driver new enough for CUDA 13?".to_owned(),
            Err(error) => format!(
                "libtorch's CUDA half cannot be loaded: {error} (scripts/setup-torch.sh installs it where there is a GPU)"
            ),
        },
    };
    if wish == Wish::Cuda {
        return Err(Failure::input(format!("--device cuda: {problem}")));
    }
    if has_driver && visible {
        eprintln!("warning: training on the CPU: {problem}");
    }
    Ok(Device::Cpu)
}

/// The binary is linked against libtorch's CPU half alone, so that it starts fast and runs without CUDA's libraries.
fn load_cuda() -> Result<(), libloading::Error> {
    #[allow(
        unsafe_code,
        reason = "the only way to load a library; libtorch_cuda's initialisers only register kernels"
    )]
    let library = unsafe {
        libloading::os::unix::Library::open(
            Some("libtorch_cuda.so"),
            libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL,
        )
    }?;
    // What it registers with libtorch is used until the process ends.
    std::mem::forget(library);
    Ok(())
}

/// The type of activations and of the matrices they meet.
pub(crate) fn compute_kind(precision: Precision, device: Device) -> Kind {
    match (precision, device) {
        (Precision::Bfloat16, _) | (Precision::Auto, Device::Cuda(_)) => Kind::BFloat16,
        _ => Kind::Float,
    }
}

/// Sets libtorch's threads: `wish`, else `OMP_NUM_THREADS`, else the cores that this process may use (its affinity
/// and its cgroup's quota).
pub(crate) fn set_threads(wish: Option<i32>) -> i32 {
    let from_environment = || env::var("OMP_NUM_THREADS").ok().and_then(|threads| threads.parse().ok());
    let cores = || thread::available_parallelism().ok().and_then(|cores| i32::try_from(cores.get()).ok());
    let threads = wish.or_else(from_environment).or_else(cores).unwrap_or(1).max(1);
    tch::set_num_threads(threads);
    // The forward pass is one chain: nothing to run beside it.
    tch::set_num_interop_threads(1);
    threads
}

/// Has the C library keep what is freed. Activations are large, and by default each goes back to the system when it
/// is freed and is zeroed page by page when the next one is made.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code, reason = "mallopt only sets two numbers, before any thread is started")]
    // SAFETY: both are documented parameters, with values in range.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}
