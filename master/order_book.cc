#include "master/order_book.hh"

#include <cassert>

namespace flagfall::master {

OrderBook::OrderBook(std::size_t size, std::uint8_t channel, std::size_t slaves, unsigned runners)
    : size_(size),
      channel_(channel),
      lanes_(slaves),
      // At worst each order of a burst fills a datagram by itself.
      bytes_(std::size_t{kMostQueries} * runners * size),
      drafts_(std::size_t{kMostQueries} * runners),
      sealed_(drafts_.size()) {
  assert(size > net::kSealOverhead + wire::kOrdersHeader);
}

std::size_t OrderBook::most_request(std::size_t size) {
  wire::Order largest;
  largest.client.ip.family = Family::v6;
  const std::array<std::uint8_t, 16> cookie{};
  largest.server_cookie = cookie;
  return left_by(largest, size);
}

std::size_t OrderBook::most_segment() const {
  wire::Order largest;
  largest.client.ip.family = Family::v6;
  largest.segment.emplace();
  return left_by(largest, size_);
}

std::size_t OrderBook::most_content() const {
  wire::Order largest;
  largest.client.ip.family = Family::v6;
  largest.segment.emplace();
  largest.content.emplace();
  return left_by(largest, size_);
}

std::size_t OrderBook::left_by(const wire::Order& order, std::size_t size) {
  const std::size_t taken = net::kSealOverhead + wire::kOrdersHeader + wire::order_size(order);
  return size > taken ? size - taken : 0;
}

void OrderBook::take_over(const Snapshot& snapshot) {
  assert(snapshot.slaves.size() == lanes_.size() && used_ == 0);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const SlaveSession& session = snapshot.slaves[i];
    Lane& lane = lanes_[i];
    if (!session.live) continue;
    lane.to = session.orders;
    if (lane.sealer && lane.key == session.key) continue;
    lane.key = session.key;
    lane.sealer.emplace(session.key, session.session, channel_);
  }
}

std::size_t OrderBook::open_draft(std::uint16_t slave) noexcept {
  assert(used_ < drafts_.size());
  const std::size_t at = used_++;
  const MutableBytes room = storage(at).subspan(net::kSealHeader, size_ - net::kSealOverhead);
  drafts_[at] = {wire::OrderWriter(room, RefTime()), slave, 0};
  lanes_[slave].open = at;
  return at;
}

void OrderBook::add(std::uint16_t slave, unsigned query, const wire::Order& order) noexcept {
  assert(slave < lanes_.size() && lanes_[slave].sealer && query < kMostQueries);
  std::size_t at = lanes_[slave].open;
  if (at == kNone || !drafts_[at].orders.add(order)) {
    at = open_draft(slave);
    const bool fits = drafts_[at].orders.add(order);
    assert(fits);  // the caller keeps to most_request()
    (void)fits;
  }
  drafts_[at].races |= std::uint64_t{1} << query;
}

std::uint64_t OrderBook::flush(RefTime sent, OrderSink& sink) noexcept {
  if (used_ == 0) return 0;
  for (std::size_t i = 0; i < used_; ++i) {
    Draft& draft = drafts_[i];
    Lane& lane = lanes_[draft.slave];
    draft.orders.stamp(sent);
    const std::size_t length = lane.sealer->seal(storage(i), draft.orders.size());
    sealed_[i] = {storage(i).first(length), lane.to, false};
    lane.open = kNone;
  }
  sink.send_orders(std::span(sealed_).first(used_));
  std::uint64_t ordered = 0;
  for (std::size_t i = 0; i < used_; ++i) {
    OrderCounters& counters = lanes_[drafts_[i].slave].counters;
    if (sealed_[i].sent) {
      ordered |= drafts_[i].races;
      ++counters.datagrams;
      counters.orders.add(drafts_[i].orders.count());
    } else {
      ++counters.failed;
    }
  }
  used_ = 0;
  return ordered;
}

}  // namespace flagfall::master
