// The quick answer is the full one: two gates with the same rules are asked about the same records.
#include <random>

#include "gate_fixture.h"

namespace forebay::admit {
namespace {

class QuickTest : public GateTest {
 protected:
  using Random = std::mt19937_64;

  static size_t below(Random& random, size_t n) { return random() % n; }

  static SamplingRule random_rule(Random& random) {
    SamplingRule rule;
    switch (below(random, 4)) {
      case 0:
        rule = ratio(std::array{0.0, 0.3, 1.0}[below(random, 3)]);
        break;
      case 1:
        rule = trace_ratio(0.5);
        break;
      default:
        rule = burst(below(random, 40), below(random, 4));
    }
    if (below(random, 2) == 0) rule.attributes.emplace_back("route", "/a");
    if (below(random, 4) == 0) rule.attributes.emplace_back("own", "yes");
    return rule;
  }
  static GateOptions random_options(Random& random) {
    GateOptions options;
    options.lanes.emplace_back();
    if (below(random, 3) == 0) {
      options.lanes.push_back({.min_severity = 0, .logger = {}, .attributes = {{"route", "/b"}}});
    }
    for (size_t i = below(random, 3); i-- > 0;) options.sampling.push_back(random_rule(random));
    if (below(random, 2) == 0) {
      options.limits = {
          RateLimitOptions{.records_per_second = 1000,
                           .burst_records = static_cast<int64_t>(1 + below(random, 90))}};
    }
    return options;
  }
};

TEST_F(QuickTest, the_quick_answer_is_the_full_one_for_any_rules_and_records) {
  const model::Site* const site = make_site({.body = "quick", .keys = {"route", "n"}});
  const model::Site* const without_keys = make_site({.body = "quicker"});
  const forebay_attribute own{"own", 3, 0, text_value("yes")};
  uint64_t quick_answers = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const GateOptions options = random_options(random);
    Gate full_gate(options, ticks_);
    Gate quick_gate(options, ticks_);
    const LoggerRules full_rules = full_gate.rules_of("app", 1);
    const LoggerRules quick_rules = quick_gate.rules_of("app", 1);
    ThreadGate& full = *full_gate.lease();
    ThreadGate& quick = *quick_gate.lease();
    for (int i = 0; i < 500; ++i) {
      forebay_extra extra{};
      extra.struct_size = sizeof extra;
      extra.trace_id[15] = static_cast<uint8_t>(below(random, 3));
      extra.attributes = &own;
      extra.attribute_count = static_cast<uint32_t>(below(random, 2));
      const std::array values = {std::array{text_value("/a"), text_value("/b"),
                                            text_value("/longer"), int_value(7)}[below(random, 4)],
                                 int_value(i)};
      model::RecordInput input = record(below(random, 4) == 0 ? without_keys : site);
      input.values = values.data();
      input.value_count = input.site == site ? 2 : 0;
      if (below(random, 3) == 0) input.extra = &extra;

      const SiteRules& rules = *full.rules_for(full_rules, input);
      const SiteRules::Lane& lane = ThreadGate::lane_of(rules, input);
      Permit expected;
      full.ask(rules, lane, input, expected);

      Permit permit;
      uint32_t lane_of_quick = quick_rules.lanes[input.severity];
      const QuickPermit at_once = quick.ask_quickly(quick_rules, input);
      if (at_once.is_admitted()) {
        ++quick_answers;
        permit = at_once.permit();
      } else {
        permit = Permit{};
        const SiteRules& asked = *quick.rules_for(quick_rules, input);
        const SiteRules::Lane& its = ThreadGate::lane_of(asked, input);
        lane_of_quick = its.lane;
        quick.ask(asked, its, input, permit);
      }
      ASSERT_EQ(permit.answer, expected.answer) << "record " << i;
      ASSERT_EQ(permit.weight, expected.weight) << "record " << i;
      ASSERT_EQ(permit.tokens == nullptr, expected.tokens == nullptr) << "record " << i;
      ASSERT_EQ(permit.counts(), expected.counts()) << "record " << i;
      ASSERT_EQ(lane_of_quick, lane.lane) << "record " << i;
      if (below(random, 20) == 0) {
        clock_.advance(std::chrono::milliseconds{below(random, 400)});
        full_gate.advance_epoch();
        quick_gate.advance_epoch();
      }
      if (below(random, 10) == 0) {  // the queue had no room
        ThreadGate::undo(expected);
        ThreadGate::undo(permit);
      }
    }
    full_gate.give_back(&full);
    quick_gate.give_back(&quick);
  }
  EXPECT_GT(quick_answers, 20'000u) << "most records are to be judged quickly";
}

}  // namespace
}  // namespace forebay::admit
