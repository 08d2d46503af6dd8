# The inference service. Build from the top of the repository:
#   docker build -f deploy/service.Dockerfile -t antiphon-service .
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN deploy/install.sh service /opt/antiphon && mkdir /var/lib/antiphon

FROM python:3.12.11-slim-bookworm
# The interpreter's own pip would only be something to attack.
RUN pip uninstall --yes --root-user-action ignore pip && \
    useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin antiphon
COPY --from=build /opt/antiphon /opt/antiphon
COPY --from=build --chown=10001 /var/lib/antiphon /var/lib/antiphon
ENV PATH=/opt/antiphon/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /var/lib/antiphon
EXPOSE 50550 50551 50552
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["antiphon", "health"]
CMD ["antiphon", "serve"]
