// Sends spans with the Node SDK: send.js grpc|http NUMBER. Where to, and how, is said by the standard variables OTEL_EXPORTER_OTLP_*.
const [protocol, number] = process.argv.slice(2);
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");
const { OTLPTraceExporter } = require(
  protocol === "grpc"
    ? "@opentelemetry/exporter-trace-otlp-grpc"
    : "@opentelemetry/exporter-trace-otlp-proto",
);

const exporter = new OTLPTraceExporter();
const plain = exporter.export.bind(exporter);
let failed = false;
exporter.export = (spans, done) =>
  plain(spans, (result) => {
    if (result.code !== 0) {
      failed = true;
      console.error(result.error);
    }
    done(result);
  });
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
const tracer = provider.getTracer("sdk-node");
for (let n = 0; n < Number(number); n++) {
  tracer.startSpan(`span-${n}`).end();
}
provider
  .shutdown()
  .catch(() => (failed = true))
  .then(() => process.exit(failed ? 1 : 0));
