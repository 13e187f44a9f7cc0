//! Which metrics there are.
scraping::catalog! {
    /// Metrics of checks. `receiver/httpcheckreceiver/metadata.yaml`.
    pub enum Table: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/httpcheckreceiver", "";
    metrics {
        ClientConnectionDuration = Metric::gauge("httpcheck.client.connection.duration", "ms",
            "Time spent establishing TCP connection to the endpoint.", Int).by(&["http.url", "network.transport"]).off();
        ClientRequestDuration = Metric::gauge("httpcheck.client.request.duration", "ms",
            "Time spent sending the HTTP request to the endpoint.", Int).by(&["http.url"]).off();
        DnsLookupDuration = Metric::gauge("httpcheck.dns.lookup.duration", "ms",
            "Time spent performing DNS lookup for the endpoint.", Int).by(&["http.url"]).off();
        Duration = Metric::gauge("httpcheck.duration", "ms",
            "Measures the duration of the HTTP check.", Int).by(&["http.url"]);
        Error = Metric::up_down("httpcheck.error", "{error}",
            "Records errors occurring during HTTP check.", Int).by(&["http.url", "error.message"]);
        ResponseDuration = Metric::gauge("httpcheck.response.duration", "ms",
            "Time spent receiving the HTTP response from the endpoint.", Int).by(&["http.url"]).off();
        ResponseSize = Metric::gauge("httpcheck.response.size", "By",
            "Size of response body in bytes.", Int).by(&["http.url"]).off();
        Status = Metric::up_down("httpcheck.status", "1",
            "1 if the check resulted in status_code matching the status_class, otherwise 0.", Int)
            .by(&["http.url", "http.status_code", "http.method", "http.status_class"]);
        TlsCertRemaining = Metric::gauge("httpcheck.tls.cert_remaining", "s",
            "Time in seconds until certificate expiry, as specified by `NotAfter` field in the x.509 certificate. Negative values \
             represent time in seconds since expiration.", Int)
            .by(&["http.url", "http.tls.issuer", "http.tls.cn", "http.tls.san"]).off();
        TlsHandshakeDuration = Metric::gauge("httpcheck.tls.handshake.duration", "ms",
            "Time spent performing TLS handshake with the endpoint.", Int).by(&["http.url"]).off();
        ValidationFailed = Metric::up_down("httpcheck.validation.failed", "{validation}",
            "Number of response validations that failed.", Int).by(&["http.url", "validation.type"]).off();
        ValidationPassed = Metric::up_down("httpcheck.validation.passed", "{validation}",
            "Number of response validations that passed.", Int).by(&["http.url", "validation.type"]).off();
    }
}
