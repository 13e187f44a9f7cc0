"""Sends spans with the Python SDK: send.py grpc|http NUMBER. Where to, and how, is said by the standard variables OTEL_EXPORTER_OTLP_*."""
import sys

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

failed = False


class Noting(OTLPSpanExporter):
    """Notes whether a push has failed."""

    def export(self, spans):
        global failed
        result = super().export(spans)
        failed |= result is not SpanExportResult.SUCCESS
        return result


provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Noting()))
tracer = provider.get_tracer("sdk-python")
for n in range(int(sys.argv[2])):
    tracer.start_span(f"span-{n}").end()
provider.force_flush()
provider.shutdown()
sys.exit(1 if failed else 0)
