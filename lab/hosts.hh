// Hosts as network namespaces: made, furnished with addresses, and removed.
// System calls and ip(8), no decisions. For a process with one thread: while a
// host is made, the process is inside its namespace for a moment.
#pragma once

#include <string>
#include <vector>

#include "common/net/fd.hh"
#include "lab/topology.hh"

namespace flagfall::lab {

/// Every host's interface into the network, and the one to the management network.
inline constexpr const char* kInterface = "wan0";
inline constexpr const char* kManagementInterface = "mgmt0";

/// Makes the namespaces of a lab that has none yet, management network included. Returns one
/// non-blocking TUN a host, in the order of topology.hosts: read gives a packet that the host
/// sends, write makes it receive one. Throws when the system refuses.
std::vector<net::Fd> make_hosts(const Topology& topology);

/// Names of a lab's namespaces that are there now.
std::vector<std::string> namespaces_of(std::string_view lab);
/// Labs that have namespaces now, each once.
std::vector<std::string> labs_with_namespaces();

/// Ends every process inside a lab's namespaces (SIGTERM, a second later SIGKILL), then removes
/// the namespaces. What is not there is fine.
void remove_hosts(std::string_view lab);

}  // namespace flagfall::lab
