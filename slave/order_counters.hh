// What became of order datagrams and of the orders in them.
#pragma once

#include "common/base/counters.hh"

namespace flagfall::slave {

/// Written by the loop thread, read by any.
struct OrderCounters {
  // Datagrams.
  Counter datagrams;
  Counter malformed;        // not a sealed datagram, or cut short
  Counter unknown_session;  // of a session that ended, or never was
  Counter replayed;
  Counter forged;
  Counter bad_plaintext;  // sealed by the master, yet malformed: its bug
  Counter outdated;       // sent before the services that are valid now
  // Orders.
  Counter orders;
  Counter queued;      // became a shot
  Counter stood_down;  // the clock does not allow racing
  Counter unknown_service;
  Counter foreign_source;  // an address that is not in transmit.sources
  Counter bad_client;      // an address that nothing may be sent to
  Counter unsent;          // by our clock it has not been sent yet: ours or the master's is wrong
  Counter too_far;         // the instant is too far ahead
  Counter near_leap;       // a leap second is announced, and less than 2 s from now or from the instant
  Counter late_sent;       // late, sent at once
  Counter late_dropped;
  Counter over_rate;
  Counter queue_full;
  Counter bad_request;     // not a query that has an answer of ours
  Counter no_beacon;       // a beacon was ordered, and there is none here
  Counter withheld;        // prepared, and not sent: a shadow
  Counter echoed;          // answers that were sent a second time
  Counter echo_left_out;   // a second sending that the cap or a full queue forbade, or the kernel refused
  Counter prompt;          // of the queued ones, those without a race
  Counter asked;           // of a backend
  Counter no_backend;      // a service of datagrams that has none here, or none that answers
  Counter unanswered;      // the backend said nothing in time, or was asked too much at once
  Counter too_long;        // its answer was longer than the service allows for this request
  Counter contents_asked;  // orders for content that a server here has
  Counter contents_sent;   // and those that were answered with it
  Counter wins_lost;       // beacons that were asked for, and not reported: as outcomes
  Counter outcomes_lost;   // not reported: the session was too slow, or gone

  /// f(name, counter) for each, in the order above.
  template <class F>
  void for_each(F f) const {
    f("order_datagrams", datagrams);
    f("order_malformed", malformed);
    f("order_unknown_session", unknown_session);
    f("order_replayed", replayed);
    f("order_forged", forged);
    f("order_bad_plaintext", bad_plaintext);
    f("order_outdated", outdated);
    f("orders", orders);
    f("orders_queued", queued);
    f("orders_stood_down", stood_down);
    f("orders_unknown_service", unknown_service);
    f("orders_foreign_source", foreign_source);
    f("orders_bad_client", bad_client);
    f("orders_unsent", unsent);
    f("orders_too_far", too_far);
    f("orders_near_leap", near_leap);
    f("orders_late_sent", late_sent);
    f("orders_late_dropped", late_dropped);
    f("orders_over_rate", over_rate);
    f("orders_queue_full", queue_full);
    f("orders_bad_request", bad_request);
    f("orders_no_beacon", no_beacon);
    f("orders_withheld", withheld);
    f("orders_echoed", echoed);
    f("orders_echo_left_out", echo_left_out);
    f("orders_prompt", prompt);
    f("orders_asked", asked);
    f("orders_no_backend", no_backend);
    f("orders_unanswered", unanswered);
    f("orders_too_long", too_long);
    f("contents_asked", contents_asked);
    f("contents_sent", contents_sent);
    f("wins_lost", wins_lost);
    f("outcomes_lost", outcomes_lost);
  }
};

}  // namespace flagfall::slave
