// Each case runs in a child process: what is dropped never comes back.
#include "common/net/privileges.hh"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <thread>

#include "common/net/udp.hh"

using namespace flagfall;       // NOLINT(*-using-namespace)
using namespace flagfall::net;  // NOLINT(*-using-namespace)

namespace {

/// The child's verdict: true when `probe` returned true.
template <class Probe>
bool in_child(Probe probe) {
  const pid_t pid = fork();
  if (pid == 0) _exit(probe() ? 0 : 1);
  int status = 1;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct NeedsNetRaw {
  boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id /*unit*/) const {
    boost::test_tools::assertion_result result(has_capability(Capability::net_raw));
    result.message() << "needs CAP_NET_RAW";
    return result;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(privileges)

BOOST_AUTO_TEST_CASE(after_the_drop_nothing_is_left_and_nothing_comes_back) {
  BOOST_TEST(in_child([] {
    drop_capabilities();
    return !has_capability(Capability::net_raw) && !has_capability(Capability::net_admin) &&
           !has_capability(Capability::net_bind_service) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
           !Fd(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));
  }));
}

BOOST_AUTO_TEST_CASE(one_that_is_kept_is_the_only_one_and_other_threads_have_none,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  BOOST_TEST(in_child([] {
    bool kept = false;
    std::thread([&kept] {
      keep_capability(Capability::net_raw);
      kept = has_capability(Capability::net_raw) && !has_capability(Capability::net_admin) &&
             !has_capability(Capability::net_bind_service) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    }).join();
    drop_capabilities();
    return kept && !has_capability(Capability::net_raw);
  }));
}

BOOST_AUTO_TEST_CASE(what_was_not_there_is_not_kept) {
  BOOST_TEST(in_child([] {
    drop_capabilities();
    keep_capability(Capability::net_raw);
    return !has_capability(Capability::net_raw);
  }));
}

BOOST_AUTO_TEST_CASE(a_drop_of_nothing_is_no_error) {
  BOOST_TEST(in_child([] {
    drop_capabilities();
    drop_capabilities();
    return true;
  }));
}

BOOST_AUTO_TEST_CASE(a_missing_capability_is_named_with_its_purpose_and_its_cure) {
  BOOST_TEST(in_child([] {
    drop_capabilities();
    const Status status = need_capability(Capability::net_raw, "answer from a service's address");
    return !status &&
           status.error() ==
               "CAP_NET_RAW is missing, which is needed to answer from a service's address: start it "
               "with AmbientCapabilities=CAP_NET_RAW (as the unit in configs/systemd does), or grant "
               "it with `setcap cap_net_raw+ep` on the program";
  }));
}

BOOST_AUTO_TEST_CASE(a_socket_opened_before_still_sends_from_a_foreign_address,
                     *boost::unit_test::precondition(NeedsNetRaw())) {
  BOOST_TEST(in_child([] {
    const Fd fd = udp_socket({*parse_ip("192.0.2.9"), 5353}, {.foreign_source = true});
    const Fd client = udp_socket({*parse_ip("127.0.0.1"), 0}, {});
    drop_capabilities();
    UdpSender sender;
    sender.room()[0] = 'x';
    sender.commit(1, local_endpoint(client));
    return sender.flush(fd).sent == 1;
  }));
}

BOOST_AUTO_TEST_SUITE_END()
