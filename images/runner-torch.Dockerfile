# The built-in models: `temper-runner train` on libtorch with CUDA, without Python; Fashion-MNIST lies in it. Not root.
#
#   docker build -f images/runner-torch.Dockerfile -t REGISTRY/temper-torch:TAG .
#
# `make images` makes the same image without a container engine, with the libtorch that is in .venv.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    scripts/setup-system.sh && scripts/setup-torch.sh --cuda && scripts/setup-data.sh
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked -p temper-runner --features torch && \
    mkdir -p /out/site && cp target/release/temper-runner /out/
# The libraries without Python; they find one another by their place in this tree.
RUN cd .venv/lib/python3*/site-packages && rm -f torch/lib/libtorch_python.so && \
    cp --archive --parents torch/lib/*.so* $(find nvidia -name '*.so*') /out/site/

FROM debian:bookworm-slim
COPY --from=build /out/site/ /opt/temper/
COPY --from=build /usr/share/datasets/fashion-mnist/ /usr/share/datasets/fashion-mnist/
COPY --from=build /out/temper-runner /usr/local/bin/temper-runner
ENV LD_LIBRARY_PATH=/opt/temper/torch/lib NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 65532:65532
ENTRYPOINT ["temper-runner"]
