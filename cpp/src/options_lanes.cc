#include "options_parts.h"

#include <algorithm>
#include <set>

#include "account/names.h"
#include "base/random.h"
#include "model/severity.h"
#include "options_admission.h"

namespace forebay::engine {
namespace {

queue::FullAction read_action(OptionReader& reader, const std::string& path) {
  queue::FullAction action;
  const std::string kind =
      reader.one_of(path, "drop_newest", {"drop_newest", "drop_oldest", "fail", "block"});
  using Kind = queue::FullAction::Kind;
  action.kind = kind == "drop_oldest" ? Kind::kDropOldest
                : kind == "fail"      ? Kind::kFail
                : kind == "block"     ? Kind::kBlock
                                      : Kind::kDropNewest;
  if (action.kind == Kind::kBlock) {
    action.timeout = reader.maybe_seconds(path + ".timeout", 0, 86400);
    action.on_event_loop = reader.flag(path + ".on_event_loop", false);
  }
  return action;
}

pipeline::LaneOptions read_lane(OptionReader& reader, const std::string& at,
                                uint32_t default_slots) {
  pipeline::LaneOptions lane;
  lane.name = reader.text(at + "name", "");
  if (lane.name.empty() || lane.name.size() > 31 ||
      lane.name.find_first_of(". \t\n") != std::string::npos) {
    reader.fail(at + "name",
                "'" + lane.name + "' is not a name of 1 to 31 bytes without spaces or dots");
  }
  lane.rule.min_severity = static_cast<uint32_t>(reader.whole(at + "min_level", 0, 0, 24));
  lane.rule.logger = reader.text(at + "logger", "");
  read_lane_admission(reader, at, lane);
  reader.fail(at, lane.rule.validate());
  const bool has_records = reader.has(at + "queue_records");
  const bool has_bytes = reader.has(at + "queue_bytes");
  uint64_t slots = reader.whole(at + "queue_records", default_slots, 8, queue::kMaxSlots);
  const uint64_t bytes =
      reader.whole(at + "queue_bytes", slots * queue::kSlotBytes, 8 * queue::kSlotBytes,
                   uint64_t{queue::kMaxSlots} * queue::kSlotBytes);
  // The same bound in two units; given both, the lower holds.
  if (has_bytes) {
    slots = has_records ? std::min(slots, bytes / queue::kSlotBytes) : bytes / queue::kSlotBytes;
  }
  lane.queue.slots = static_cast<uint32_t>(slots);
  lane.queue.on_full.clear();
  for (size_t i = 0; reader.has(at + "on_full[" + std::to_string(i) + "]"); ++i) {
    lane.queue.on_full.push_back(read_action(reader, at + "on_full[" + std::to_string(i) + "]"));
  }
  if (lane.queue.on_full.empty()) lane.queue.on_full.emplace_back();
  if (reader.has(at + "early_drop.start") || reader.has(at + "early_drop.full")) {
    queue::EarlyDrop early;
    early.start = reader.number(at + "early_drop.start", early.start, 0, 1);
    early.full = reader.number(at + "early_drop.full", early.full, 0, 1);
    lane.queue.early_drop = early;
    lane.queue.seed = Random::from_system().next();
  }
  reader.fail(at, lane.queue.validate());
  lane.backlog.share = reader.number(at + "backlog_share", 0.0, 0.0, 1.0);
  lane.backlog.on_full =
      reader.one_of(at + "on_backlog_full", "hold", {"hold", "evict_oldest"}) == "hold"
          ? backlog::OnBacklogFull::kHold
          : backlog::OnBacklogFull::kEvictOldest;
  // Who gives a weight wants it to count.
  const bool has_weight = reader.has(at + "weight");
  lane.backlog.turn.weight = static_cast<uint32_t>(reader.whole(at + "weight", 1, 1, 100));
  lane.backlog.turn.strict = reader.one_of(at + "priority", has_weight ? "weighted" : "strict",
                                           {"weighted", "strict"}) == "strict";
  lane.gap_records = reader.flag(at + "gap_records", true);
  lane.watermarks.high = reader.number(at + "high_watermark", lane.watermarks.high, 0, 1);
  lane.watermarks.low = reader.number(at + "low_watermark", lane.watermarks.low, 0, 1);
  reader.fail(at, lane.watermarks.validate());
  lane.backlog.max_age = reader.maybe_seconds(at + "max_age", 0.001, kYear);
  return lane;
}

}  // namespace

void read_lanes(OptionReader& reader, CollectorOptions& options) {
  auto& lanes = options.pipeline.lanes;
  // The default sizes are for a limit of 48 MiB and shrink with it.
  const double scale =
      std::min(1.0, static_cast<double>(options.memory_limit) / static_cast<double>(48u << 20));
  const auto sized = [&](uint32_t slots) {
    return std::max(1024u, static_cast<uint32_t>(slots * scale));
  };
  for (size_t i = 0; reader.has("lanes[" + std::to_string(i) + "].name"); ++i) {
    lanes.push_back(read_lane(reader, "lanes[" + std::to_string(i) + "].", sized(65'536)));
  }
  if (lanes.size() > account::kMaxLogLanes) reader.fail("lanes", "there are more than 16");
  if (lanes.empty()) {
    pipeline::LaneOptions urgent;
    urgent.name = "urgent";
    urgent.rule.min_severity = model::kWarn;
    urgent.queue.slots = sized(16'384);
    urgent.backlog.share = 0.25;
    pipeline::LaneOptions normal;
    normal.name = "normal";
    normal.queue.slots = sized(65'536);
    lanes = {urgent, normal};
  }
  std::set<std::string> names;
  double shares = 0;
  for (size_t i = 0; i < lanes.size(); ++i) {
    shares += lanes[i].backlog.share;
    if (!names.insert(lanes[i].name).second) {
      reader.fail("lanes[" + std::to_string(i) + "].name", "'" + lanes[i].name + "' is used twice");
    }
  }
  if (shares > 1.0 + 1e-9) {
    reader.fail("lanes", "their backlog_share sum up to more than 1");
  }
}

}  // namespace forebay::engine
