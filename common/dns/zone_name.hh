// Domain names in wire form at load time: from text, to text, and their labels.
// Names are valid and end in the root label; comparisons are the caller's, on
// lower case. No thread of its own; plain functions.
#pragma once

#include <string>
#include <vector>

#include "common/base/bytes.hh"
#include "common/base/result.hh"

namespace flagfall::dns {

/// A name's octets. A string, since it is a cheap value that hashes and compares.
using WireName = std::string;

inline Bytes bytes_of(const WireName& name) {
  return as_bytes(name);
}

/// Presentation form (RFC 1035 §5.1, escapes included) to lower-case wire form; absolute with or without the
/// last dot.
Result<WireName> parse_name(const std::string& text);
/// Presentation form with the last dot, as errors show it.
std::string name_text(Bytes name);
WireName lower_name(Bytes name);

/// Where each label starts, the root's not counted.
std::vector<std::size_t> label_offsets(Bytes name);
/// `name` is `ancestor`, or lies below it; both lower case.
bool at_or_below(Bytes name, Bytes ancestor);
/// Octets of the longest suffix, in whole labels, that both share; at least 1, the root. Case does not
/// matter.
std::size_t shared_suffix(Bytes a, Bytes b);
/// The name without its first label; not for the root.
Bytes parent_of(Bytes name);

}  // namespace flagfall::dns
