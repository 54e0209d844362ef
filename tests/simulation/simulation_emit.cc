// How a simulation emits, and what admission may answer.
#include <cmath>

#include "model/record_writer.h"
#include "simulation.h"

namespace forebay::engine {
// emit.cc; the C ABI's.
int32_t emit(forebay_logger* handle, const forebay_site* site, const forebay_value* values,
             uint32_t value_count, const forebay_extra* extra, uint32_t flags) noexcept;
}  // namespace forebay::engine

namespace forebay::simulation {
namespace {

constexpr std::string_view kPad = "pad";
constexpr std::string_view kKind = "kind";
constexpr std::string_view kKinds = "abcd";
// More than a record is besides its pad.
constexpr size_t kRest = 256;

// A call site; the second value is the severity.
const forebay_site* site_of(bool has_kind, uint32_t severity) {
  const forebay_string key{kKind.data(), kKind.size()};
  forebay_site_spec spec{};
  spec.struct_size = sizeof spec;
  spec.severity = severity;
  // A summary of a limit names it: sites that have the same text could not be told apart.
  const std::string body = (has_kind ? "kind " : "plain ") + std::to_string(severity);
  spec.body = {body.data(), body.size()};
  spec.keys = &key;
  spec.key_count = has_kind ? 1 : 0;
  return reinterpret_cast<const forebay_site*>(model::SiteRegistry::process().intern(spec));
}

forebay_value text_cell(std::string_view text) {
  forebay_value value{};
  value.type = FOREBAY_STRING;
  value.size = static_cast<uint32_t>(text.size());
  value.as.data = text.data();
  return value;
}

}  // namespace

std::string pad_of(uint64_t id, size_t bytes) {
  return std::string(bytes, static_cast<char>('a' + id % 26));
}

void Simulation::make_record(uint64_t id, engine::Logger& logger, Made& made) {
  made.logger = &logger;
  made.judged.logger = logger.name;
  made.pad = pad_of(id, below(largest_pad_ + 1));
  made.extra.struct_size = sizeof made.extra;
  made.extra.time_unix_nano = id;
  made.attributes[0] = {kPad.data(), static_cast<uint32_t>(kPad.size()), 0, text_cell(made.pad)};
  made.extra.attribute_count = 1;
  const std::string_view kind = kKinds.substr(below(kKinds.size()), 1);
  const bool has_site = one_in(2);
  const bool has_kind = one_in(2);
  uint32_t severity = static_cast<uint32_t>(below(25));
  if (has_site) {
    severity = static_cast<uint32_t>(one_of({0, 5, 9, 17}));
    made.site = site_of(has_kind, severity);
    made.kind = text_cell(kind);
  } else {
    made.extra.severity = severity;
  }
  // Also beside the site's, and then it is the one that counts.
  if (has_kind || one_in(4)) made.judged.attributes["kind"] = kind;
  if (has_kind ? !has_site || one_in(4) : made.judged.attributes.contains("kind")) {
    const std::string_view own = kKinds.substr(below(kKinds.size()), 1);
    made.attributes[1] = {kKind.data(), static_cast<uint32_t>(kKind.size()), 0, text_cell(own)};
    made.extra.attribute_count = 2;
    made.judged.attributes["kind"] = own;
  }
  made.extra.attributes = made.attributes.data();
  made.judged.severity = severity;
  if (one_in(2)) {
    // Few traces, so that several records are of one.
    Random trace(1 + below(40));
    for (uint8_t& byte : made.extra.trace_id) byte = static_cast<uint8_t>(trace.next());
    std::copy(std::begin(made.extra.trace_id), std::end(made.extra.trace_id),
              std::begin(made.judged.trace_id));
    made.judged.has_trace = true;
  }
}

void Simulation::emit(uint32_t emitter, engine::Logger& logger) {
  const uint64_t id = emitted_.size();
  Made made;
  make_record(id, logger, made);
  Emitted emitted;
  emitted.thread = emitters_[emitter].thread;
  emitted.lane = model_.lane_of(made.judged);
  emitted.scope = logger.scope;
  emitted.pad = static_cast<uint32_t>(made.pad.size());
  emitted.may_be_cut =
      made.pad.size() + kRest > pipeline().lanes()[emitted.lane].queue->largest_record();
  const uint32_t flags = one_in(5)   ? uint32_t{FOREBAY_EMIT_REPORT_BLOCK}
                         : one_in(5) ? uint32_t{FOREBAY_EMIT_SKIP_BLOCK}
                                     : 0;
  engine::current_binding = emitters_[emitter].binding.get();
  const auto* site = reinterpret_cast<const model::Site*>(made.site);
  const uint32_t values = site != nullptr ? static_cast<uint32_t>(site->keys.size()) : 0;
  const int32_t outcome = engine::emit(&logger, made.site, &made.kind, values, &made.extra, flags);
  count(outcome, emitted, made);
  judge(outcome, emitted.lane, made);
  emitted_.push_back(emitted);
}

void Simulation::count(int32_t outcome, Emitted& emitted, const Made& made) {
  const uint32_t severity = made.judged.severity;
  if (outcome == FOREBAY_DISABLED) {
    ++counted_["disabled"];
    expect(severity != 0 && severity < made.logger->min_severity,
           "only what is below the level is disabled");
    const pipeline::RecorderOptions& recorder = options_.pipeline.recorder;
    emitted.may_arrive = recorder.is_on() && severity >= recorder.min_severity && !is_shut_down_;
    if (emitted.may_arrive) ++counted_["recorder.recorded"];
    return;
  }
  expect(severity == 0 || severity >= made.logger->min_severity,
         "what is below the level is disabled");
  if (outcome == FOREBAY_WOULD_BLOCK) return;
  ++counted_["emitted"];
  static const std::map<int32_t, const char*> names = {
      {FOREBAY_ACCEPTED, "accepted"},
      {FOREBAY_SAMPLED_OUT, "sampled_out"},
      {FOREBAY_RATE_LIMITED, "rate_limited"},
      {FOREBAY_REFUSED_QUEUE_FULL, "refused.queue_full"},
      {FOREBAY_REFUSED_BLOCK_TIMEOUT, "refused.block_timeout"},
      {FOREBAY_REFUSED_SHUTDOWN, "refused.shutdown"},
      {FOREBAY_DROPPED_QUEUE_FULL_NEWEST, "dropped.queue_full_newest"},
      {FOREBAY_DROPPED_EARLY, "dropped.early_drop"}};
  const auto name = names.find(outcome);
  expect(name != names.end(), "emit never answers " + std::to_string(outcome));
  ++counted_[name->second];
  emitted.may_arrive = outcome == FOREBAY_ACCEPTED;
}

void Simulation::judge(int32_t outcome, uint32_t lane, const Made& made) {
  if (outcome == FOREBAY_DISABLED) return;
  expect((outcome == FOREBAY_REFUSED_SHUTDOWN) == is_shut_down_,
         "what is refused because of a shutdown comes after it, and all of it");
  if (is_shut_down_) return;
  const AdmissionModel::Sampling sampling = model_.sampling_of(made.judged);
  if (outcome == FOREBAY_SAMPLED_OUT) {
    expect(sampling.may_be_let_go, "what no rule is about is not sampled out");
    return;
  }
  expect(sampling.may_be_kept, "a rule that keeps nothing lets everything go");
  const pipeline::LaneOptions& options = options_.pipeline.lanes[lane];
  if (outcome == FOREBAY_RATE_LIMITED) {
    expect(options.rate_limit.has_value(), "only a lane with a limit limits");
    return;
  }
  expect(outcome != FOREBAY_DROPPED_EARLY || options.queue.early_drop.has_value(),
         "only a lane that drops early does");
  if (options.rate_limit && outcome != FOREBAY_WOULD_BLOCK) judge_limit(lane, made);
}

void Simulation::judge_limit(uint32_t lane, const Made& made) {
  const admit::RateLimitOptions& limit = *options_.pipeline.lanes[lane].rate_limit;
  const void* const logger = limit.by == admit::LimitedBy::kLane ? nullptr : made.logger;
  const void* const site = limit.by == admit::LimitedBy::kSite ? made.site : nullptr;
  const int64_t passed = ++passed_[{lane, logger, site}];
  const double elapsed = std::chrono::duration<double>(clock_.now() - begin_).count();
  const double most = static_cast<double>(limit.burst_records) + limit.records_per_second * elapsed;
  expect(static_cast<double>(passed) <= most * 1.0001 + 1,
         std::to_string(passed) + " records passed a limit of " + std::to_string(most));
}

}  // namespace forebay::simulation
