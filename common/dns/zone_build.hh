// Works out a zone's answers: for every name and type the records that go into
// each section, rendered. Load time only.
#pragma once

#include <memory>
#include <vector>

#include "common/base/result.hh"
#include "common/dns/zone_data.hh"
#include "common/dns/zone_file.hh"

namespace flagfall::dns {

/// Errors are "file:line: text", or "file: text" about a raced name.
Result<std::unique_ptr<const ZoneData>> build_zone(const ZoneText& text, const WireName& apex,
                                                   const std::vector<RacedName>& raced,
                                                   const wire::SipKey& key);

}  // namespace flagfall::dns
