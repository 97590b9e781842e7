# The image of mesh-host, built from source. docs/DEPLOY.md says how to run it.
#
#   docker build -t mesh-host --build-arg VERSION=v1.2.3 --build-arg COMMIT=$(git rev-parse HEAD) .
#
# Dockerfile.binary is the same image from a binary that is built already. Both
# are the same from USER on, which a test looks after.

ARG GO_IMAGE=golang:1.26

# The compiler runs on the machine that builds, whatever it builds for.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The folder .git is not here to tell them.
ARG VERSION
ARG COMMIT
ARG TARGETOS
ARG TARGETARCH
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH scripts/image

FROM scratch
COPY --from=build /src/build/image/etc /etc
COPY --from=build --chown=65532:65532 /src/build/image/empty /plugins
COPY --from=build --chown=65532:65532 /src/build/image/empty /data
COPY --from=build /src/build/image/mesh-host /mesh-host

# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532

# Only what would be wrong here by default: a variable wins over a file, so one
# that is set here could not be set in a mounted /config.toml. To keep nothing on
# disk, as with Redis, set MESH_STORE_PATH to nothing: an empty variable counts
# as not set.
ENV MESH_PLUGINS_DIR=/plugins \
    MESH_PLUGINS_CACHE_DIR=/data/cache \
    MESH_STORE_PATH=/data

# /data is the only folder that is written: the rest may be read-only.
VOLUME ["/plugins", "/data"]

# Clients. The admin API is at 127.0.0.1:8081 until MESH_ADMIN_LISTEN and
# MESH_ADMIN_TOKEN say otherwise.
EXPOSE 8080

# --live, since what is unhealthy gets restarted: a server that has lost Redis
# keeps its sessions and goes on by itself once Redis is back, while a restart
# would throw all of them out, on all nodes at once. Whether to send clients is
# /readyz, which load balancers ask.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/mesh-host", "healthcheck", "--live"]

# Commands in flight finish and sessions close within shutdown.grace, 10 s: give
# it longer than that (docker stop --time 15).
STOPSIGNAL SIGTERM
ENTRYPOINT ["/mesh-host"]
CMD ["serve"]
