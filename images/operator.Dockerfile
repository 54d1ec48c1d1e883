# The operator, and the agent that it puts into trial pods: two static binaries, not root, no shell.
#
#   docker build -f images/operator.Dockerfile -t REGISTRY/temper:TAG .
#
# `make images` makes the same image without a container engine.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    scripts/static.sh && mkdir /out && cp target/*-linux-gnu/release/temper target/*-linux-gnu/release/temper-runner /out/

FROM scratch
# For traces sent over TLS; the API server is trusted by the certificate that every pod is given.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Not as /temper: that is where a trial pod's init container, where it has one, has its volume.
COPY --from=build /out/temper /usr/local/bin/temper
COPY --from=build /out/temper-runner /temper-runner
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/temper", "operator"]
