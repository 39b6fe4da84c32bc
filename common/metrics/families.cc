#include "common/metrics/families.hh"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <cassert>
#include <limits>

namespace flagfall::metrics {
namespace {

using namespace std::chrono_literals;

constexpr auto kWays =
    std::to_array<Nanos>({500us, 1ms,  2ms,  3ms,   5ms,   7500us, 10ms,  15ms,  20ms, 25ms, 30ms,
                          40ms,  50ms, 75ms, 100ms, 150ms, 200ms,  300ms, 500ms, 1s,   2s,   5s});
constexpr auto kErrors = std::to_array<Nanos>({1us, 2us, 5us, 10us, 20us, 50us, 100us, 200us, 500us, 1ms, 2ms,
                                               5ms, 10ms, 20ms, 50ms, 100ms, 200ms, 500ms, 1s});

prometheus::ClientMetric labelled(const Families::Labels& labels) {
  prometheus::ClientMetric out;
  out.label.reserve(labels.size());
  for (const auto& [name, value] : labels) out.label.push_back({name, value});
  return out;
}

}  // namespace

const Buckets kWayBuckets = kWays;
const Buckets kErrorBuckets = kErrors;

double in_seconds(Nanos n) {
  return static_cast<double>(n.count()) * 1e-9;
}
double in_seconds(RealTime t) {
  return static_cast<double>(to_ns(t)) * 1e-9;
}

Families::Families() = default;
Families::~Families() = default;

prometheus::MetricFamily& Families::family(const std::string& name, std::string_view help, int type) {
  const auto [at, fresh] = index_.try_emplace(name, all_.size());
  if (fresh) all_.push_back({name, std::string(help), static_cast<prometheus::MetricType>(type), {}});
  prometheus::MetricFamily& out = all_.at(at->second);
  assert(out.type == static_cast<prometheus::MetricType>(type));
  return out;
}

void Families::counter(const std::string& name, std::string_view help, double value, const Labels& labels) {
  prometheus::ClientMetric sample = labelled(labels);
  sample.counter.value = value;
  family(name, help, static_cast<int>(prometheus::MetricType::Counter)).metric.push_back(std::move(sample));
}

void Families::gauge(const std::string& name, std::string_view help, double value, const Labels& labels) {
  prometheus::ClientMetric sample = labelled(labels);
  sample.gauge.value = value;
  family(name, help, static_cast<int>(prometheus::MetricType::Gauge)).metric.push_back(std::move(sample));
}

void Families::histogram(const std::string& name, std::string_view help, const Histogram& of, Buckets buckets,
                         const Labels& labels) {
  prometheus::ClientMetric sample = labelled(labels);
  // All from the buckets: the writer may be at work, and what is told must add up.
  std::uint64_t count = 0;
  unsigned i = 0;
  for (const Nanos bound : buckets) {
    for (; i < Histogram::kBuckets && Histogram::edge(i) <= static_cast<std::uint64_t>(bound.count()) + 1;
         ++i)
      count += of.bucket(i);
    sample.histogram.bucket.push_back({count, in_seconds(bound)});
  }
  for (; i < Histogram::kBuckets; ++i) count += of.bucket(i);
  sample.histogram.bucket.push_back({count, std::numeric_limits<double>::infinity()});
  sample.histogram.sample_count = count;
  sample.histogram.sample_sum = in_seconds(of.sum());
  family(name, help, static_cast<int>(prometheus::MetricType::Histogram)).metric.push_back(std::move(sample));
}

std::string Families::text() const {
  return prometheus::TextSerializer().Serialize(all_);
}

}  // namespace flagfall::metrics
