// Much for a compiler to do: templates that instantiate templates, and a good part of the standard library.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace lists {

template <typename... Types> struct List {};

template <typename One, typename Other> struct Joined;
template <typename... Ones, typename... Others> struct Joined<List<Ones...>, List<Others...>> {
    using Type = List<Ones..., Others...>;
};

template <int Number> struct Item {
    static constexpr int number = Number;
    std::array<int, Number % 7 + 1> room{};
};

// The numbers from Low to High - 1, halved at each step.
template <int Low, int High, bool Single = High - Low == 1> struct Range {
    static constexpr int middle = (Low + High) / 2;
    using Type = typename Joined<typename Range<Low, middle>::Type, typename Range<middle, High>::Type>::Type;
};
template <int Low, int High> struct Range<Low, High, true> {
    using Type = List<Item<Low * 7919 % 997>>;
};

// Sorted by insertion, by number.
template <typename Element, typename Sorted> struct Inserted {
    using Type = List<Element>;
};
template <typename Element, typename First, typename... Rest> struct Inserted<Element, List<First, Rest...>> {
    using Type = typename std::conditional_t<
        (Element::number < First::number), Joined<List<Element>, List<First, Rest...>>,
        Joined<List<First>, typename Inserted<Element, List<Rest...>>::Type>>::Type;
};
template <typename Unsorted> struct Sorted {
    using Type = List<>;
};
template <typename First, typename... Rest> struct Sorted<List<First, Rest...>> {
    using Type = typename Inserted<First, typename Sorted<List<Rest...>>::Type>::Type;
};

template <typename... Items> constexpr int sum(List<Items...>) {
    return (0 + ... + Items::number);
}

} // namespace lists

using Numbers = lists::Sorted<lists::Range<0, 32>::Type>::Type;
static_assert(lists::sum(Numbers{}) == lists::sum(lists::Range<0, 32>::Type{}));

// One store for each number, with containers of its own types.
template <int Number> class Store {
  public:
    using Key = std::pair<std::string, std::integral_constant<int, Number>>;
    struct Less {
        bool operator()(const Key &one, const Key &other) const { return one.first < other.first; }
    };
    using Entry = std::tuple<int, std::string, Key>;
    using Value = std::variant<std::monostate, int, std::string, std::vector<std::array<char, Number + 1>>>;

    void put(const std::string &name, int value) {
        std::string text(static_cast<size_t>(value % 50), 'x');
        values[{name, {}}] = value % 3 ? Value(value) : Value(text);
        order.insert(value);
        by_value.emplace(value, std::make_shared<Entry>(value, name, Key{name, {}}));
    }

    std::optional<int> best() const {
        auto found = std::max_element(values.begin(), values.end(), [](const auto &one, const auto &other) {
            return one.second.index() < other.second.index();
        });
        if (found == values.end()) return std::nullopt;
        auto weigh = [](const auto &value) { return static_cast<int>(sizeof value) + Number; };
        return std::visit(weigh, found->second);
    }

    int total() const {
        std::vector<int> all(order.begin(), order.end());
        std::stable_sort(all.begin(), all.end(), std::greater<>());
        std::function<int(int, int)> plus = [](int one, int other) { return one + other * (Number + 1); };
        return std::accumulate(all.begin(), all.end(), Number, plus);
    }

  private:
    std::map<Key, Value, Less> values;
    std::set<int> order;
    std::unordered_map<int, std::shared_ptr<Entry>> by_value;
};

template <size_t... Indexes> int run_all(const std::string &text, std::index_sequence<Indexes...>) {
    std::tuple<Store<static_cast<int>(Indexes)>...> stores;
    (std::get<Indexes>(stores).put(text, static_cast<int>(text.size() * Indexes)), ...);
    int total = (0 + ... + std::get<Indexes>(stores).total());
    return total + (0 + ... + std::get<Indexes>(stores).best().value_or(0));
}

int run(const std::string &text) {
    return run_all(text, std::make_index_sequence<3>());
}
