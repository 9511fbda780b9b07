# The pages and the pipeline in one image. For PyTorch's CPU build pass its index:
# docker build --build-arg PIP_ARGS="--extra-index-url URL" .
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel

FROM python:3.11-slim
ARG EXTRAS=models,train,postgresql
COPY --from=build /src/dist/*.whl /src/constraints.txt /tmp/
ARG PIP_ARGS=
RUN for wheel in /tmp/*.whl; do \
      pip install --no-cache-dir ${PIP_ARGS} -c /tmp/constraints.txt "${wheel}[${EXTRAS}]"; \
    done \
 && rm /tmp/*.whl \
 && useradd --create-home mralign
USER mralign
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"]
CMD ["mralign", "serve", "--host", "0.0.0.0", "--port", "8000"]
