// What a daemon tells Prometheus, put together family by family and written by
// prometheus-cpp's serialiser. Values only; any thread. Names follow Prometheus'
// conventions: base units, `_total` for counters. Labels are of bounded sets, from the
// configuration or the program: never clients' addresses.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/histogram.hh"
#include "common/base/time.hh"

namespace prometheus {
struct MetricFamily;
}

namespace flagfall::metrics {

/// Upper bounds of buckets, ascending.
using Buckets = std::span<const Nanos>;
/// For ways between hosts: 0.5 ms to 5 s.
extern const Buckets kWayBuckets;
/// For errors and queues: 1 µs to 1 s.
extern const Buckets kErrorBuckets;

class Families {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  Families();
  ~Families();
  Families(const Families&) = delete;
  Families& operator=(const Families&) = delete;
  Families(Families&&) = delete;
  Families& operator=(Families&&) = delete;

  /// A sample of the family `name`; the first one makes the family, with its help.
  void counter(const std::string& name, std::string_view help, double value, const Labels& labels = {});
  void gauge(const std::string& name, std::string_view help, double value, const Labels& labels = {});
  /// In seconds. A value counts where its whole log-linear bucket lies below the bound, so it may count one
  /// bound too high when it is within 1/16 of one.
  void histogram(const std::string& name, std::string_view help, const Histogram& of, Buckets buckets,
                 const Labels& labels = {});

  /// The text format 0.0.4; its content type.
  [[nodiscard]] std::string text() const;
  static constexpr auto kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  prometheus::MetricFamily& family(const std::string& name, std::string_view help, int type);
  std::vector<prometheus::MetricFamily> all_;
  std::map<std::string, std::size_t> index_;
};

double in_seconds(Nanos n);
/// Since 1970, of certificates' ends and the like.
double in_seconds(RealTime t);

}  // namespace flagfall::metrics
