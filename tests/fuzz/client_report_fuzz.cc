// Any bytes as what a racing client reports: an error of one line, or values
// within their bounds.
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.hh"
#include "common/wire/dns.hh"
#include "master/client_report.hh"

namespace master = flagfall::master;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto reports = master::parse_client_reports(flagfall::as_text(flagfall::Bytes(data, size)));
  if (!reports) {
    assert(!reports.error().empty());
    return 0;
  }
  assert(reports->size() <= master::kMostClientReports);
  for (const master::ClientReport& report : *reports) {
    assert(report.client.port != 0);
    assert(!report.name.empty() && report.name.size() <= flagfall::wire::kMaxName && report.name.back() == 0);
    assert(report.count <= report.arrivals.size());
    flagfall::Nanos before{};
    for (std::size_t i = 0; i < report.count; ++i) {
      const master::ClientArrival& arrival = report.arrivals.at(i);
      assert(arrival.count > 0 && arrival.count <= master::ClientArrival::kMostAddresses);
      assert(arrival.after >= before && arrival.after <= master::kMostClientWait);
      before = arrival.after;
    }
  }
  return 0;
}
