// bignum: factoring by continued fractions (after Barrett's cfrac); operation: a number made.
//
// Many tiny short-lived blocks, mostly freed at once. The method is that of Morrison and Brillhart, "A
// method of factoring and the factorization of F7" (Mathematics of Computation 1975).
//
// The square root of N is expanded into a continued fraction. Its convergents A_n and denominators Q_n hold
// A_n^2 = (-1)^(n+1) Q_(n+1) (mod N). Denominators that consist of small primes are kept until there are
// more of them than primes; then some of them multiply to a square, and two square roots of one number
// betray a factor.

#include "bignum.h"

enum { BASE_PRIMES = 160, RELATIONS = BASE_PRIMES + 16, VECTOR_WORDS = 5, EXPONENTS = BASE_PRIMES + 1 };

struct relation {
    struct number *convergent;
    // Exponent 0 is that of -1.
    unsigned char exponents[EXPONENTS];
    // Odd exponents, and which relations have been multiplied into this one.
    uint64_t odd[VECTOR_WORDS], members[VECTOR_WORDS];
};

struct expansion {
    const struct number *target;
    struct number *root, *numerator, *denominator, *denominator_before, *convergent, *convergent_before;
    size_t steps;
};

static uint32_t base[BASE_PRIMES];
static struct relation *relations;
static size_t relations_found;

static uint32_t power(uint32_t number, uint32_t exponent, uint32_t modulus) {
    uint64_t result = 1, square = number;
    for (; exponent; exponent >>= 1) {
        if (exponent & 1) result = result * square % modulus;
        square = square * square % modulus;
    }
    return (uint32_t)result;
}

// The primes that can divide a denominator: those of which N is a square.
static void choose_base(const struct number *target) {
    size_t chosen = 0;
    base[chosen++] = 2;
    for (uint32_t candidate = 3; chosen < BASE_PRIMES; candidate += 2) {
        bool prime = true;
        for (uint32_t odd = 3; odd * odd <= candidate; odd += 2) prime &= candidate % odd != 0;
        uint32_t remainder;
        drop(divide_small(target, candidate, &remainder));
        if (prime && power(remainder, (candidate - 1) / 2, candidate) == 1) base[chosen++] = candidate;
    }
}

// Replaces `*number` and frees what it was.
static void replace(struct number **number, struct number *replacement) {
    drop(*number);
    *number = replacement;
}

static struct number *multiply_modulo(const struct number *one, const struct number *other,
                                      const struct number *modulus) {
    struct number *product = multiply(one, other);
    struct number *rest = divide(product, modulus, NULL);
    drop(product);
    return rest;
}

static struct expansion expand(const struct number *target) {
    struct number *root = square_root(target), *square = multiply(root, root);
    // After the first step: P_1 = root, Q_1 = N - root^2, A_0 = root; and before it Q_0 = 1, A_-1 = 1.
    struct expansion expansion = {
        .target = target,
        .root = root,
        .numerator = copy(root),
        .denominator = subtract(target, square),
        .denominator_before = from_small(1),
        .convergent = copy(root),
        .convergent_before = from_small(1),
    };
    drop(square);
    return expansion;
}

static void advance(struct expansion *expansion) {
    struct number *sum = add(expansion->root, expansion->numerator), *term;
    struct number *rest = divide(sum, expansion->denominator, &term);
    drop(sum);
    // P_(n+1) = root - rest, Q_(n+1) = Q_(n-1) + a_n (P_n - P_(n+1)), which may be negative in between.
    struct number *numerator = subtract(expansion->root, rest);
    drop(rest);
    struct number *before = expansion->numerator;
    bool grows = compare(before, numerator) >= 0;
    struct number *change = grows ? subtract(before, numerator) : subtract(numerator, before);
    replace(&change, multiply(change, term));
    struct number *denominator = grows ? add(expansion->denominator_before, change)
                                       : subtract(expansion->denominator_before, change);
    drop(change);
    replace(&expansion->numerator, numerator);
    drop(expansion->denominator_before);
    expansion->denominator_before = expansion->denominator;
    expansion->denominator = denominator;
    // A_n = a_n A_(n-1) + A_(n-2).
    struct number *product = multiply(expansion->convergent, term);
    replace(&product, add(product, expansion->convergent_before));
    drop(expansion->convergent_before);
    expansion->convergent_before = expansion->convergent;
    expansion->convergent = divide(product, expansion->target, NULL);
    drop(product);
    drop(term);
    expansion->steps++;
}

// Keeps the convergent when its denominator consists of primes of the base.
static void try_denominator(const struct expansion *expansion) {
    struct relation *relation = &relations[relations_found];
    memset(relation, 0, sizeof *relation);
    relation->exponents[0] = expansion->steps % 2 == 0;
    struct number *left = copy(expansion->denominator);
    for (size_t index = 0; index < BASE_PRIMES && !is_one(left); index++) {
        for (;;) {
            uint32_t remainder;
            struct number *quotient = divide_small(left, base[index], &remainder);
            if (remainder) {
                drop(quotient);
                break;
            }
            replace(&left, quotient);
            relation->exponents[index + 1]++;
        }
    }
    if (is_one(left)) {
        relation->convergent = copy(expansion->convergent);
        for (size_t index = 0; index < EXPONENTS; index++) {
            relation->odd[index / 64] |= (uint64_t)(relation->exponents[index] & 1) << index % 64;
        }
        relation->members[relations_found / 64] = 1ull << relations_found % 64;
        relations_found++;
    }
    drop(left);
}

static bool has_bit(const uint64_t *words, size_t bit) {
    return words[bit / 64] >> bit % 64 & 1;
}

// Elimination over two elements: relations that end up without odd exponents are squares.
static void eliminate(void) {
    bool used[RELATIONS] = {false};
    for (size_t bit = 0; bit < EXPONENTS; bit++) {
        size_t pivot = 0;
        while (pivot < RELATIONS && (used[pivot] || !has_bit(relations[pivot].odd, bit))) pivot++;
        if (pivot == RELATIONS) continue;
        used[pivot] = true;
        for (size_t other = 0; other < RELATIONS; other++) {
            if (used[other] || !has_bit(relations[other].odd, bit)) continue;
            for (size_t word = 0; word < VECTOR_WORDS; word++) {
                relations[other].odd[word] ^= relations[pivot].odd[word];
                relations[other].members[word] ^= relations[pivot].members[word];
            }
        }
    }
}

// The common divisor of N and the sum of two square roots: of the convergents' product and of the
// denominators'.
static struct number *divisor_from(const struct relation *square, const struct number *target) {
    struct number *one_root = from_small(1), *other_root = from_small(1);
    uint32_t exponents[EXPONENTS] = {0};
    for (size_t member = 0; member < RELATIONS; member++) {
        if (!has_bit(square->members, member)) continue;
        replace(&one_root, multiply_modulo(one_root, relations[member].convergent, target));
        const unsigned char *more = relations[member].exponents;
        for (size_t index = 0; index < EXPONENTS; index++) exponents[index] += more[index];
    }
    for (size_t index = 1; index < EXPONENTS; index++) {
        struct number *prime = from_small(base[index - 1]);
        if (exponents[index] % 2) fail("a product of relations is no square");
        for (uint32_t times = 0; times < exponents[index] / 2; times++) {
            replace(&other_root, multiply_modulo(other_root, prime, target));
        }
        drop(prime);
    }
    struct number *sum = add(one_root, other_root);
    struct number *divisor = greatest_divisor(sum, target);
    drop(sum);
    drop(one_root);
    drop(other_root);
    return divisor;
}

static void factor(uint64_t one_prime, uint64_t other_prime) {
    struct number *one = from_small(one_prime), *other = from_small(other_prime);
    struct number *target = multiply(one, other);
    choose_base(target);
    struct expansion expansion = expand(target);
    for (relations_found = 0; relations_found < RELATIONS; advance(&expansion)) try_denominator(&expansion);
    eliminate();
    bool found = false;
    for (size_t index = 0; index < RELATIONS; index++) {
        bool even = true;
        for (size_t word = 0; word < VECTOR_WORDS; word++) even &= relations[index].odd[word] == 0;
        if (!even) continue;
        struct number *divisor = divisor_from(&relations[index], target);
        bool trivial = is_one(divisor) || compare(divisor, target) == 0;
        if (!trivial && compare(divisor, one) && compare(divisor, other)) fail("a factor is wrong");
        found |= !trivial;
        drop(divisor);
    }
    if (!found) fail("no factor was found");
    for (size_t index = 0; index < RELATIONS; index++) drop(relations[index].convergent);
    drop(expansion.root);
    drop(expansion.numerator);
    drop(expansion.denominator);
    drop(expansion.denominator_before);
    drop(expansion.convergent);
    drop(expansion.convergent_before);
    drop(target);
    drop(one);
    drop(other);
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    relations = map_apart(RELATIONS * sizeof *relations);
    start_clock();
    if (quick) {
        factor(9141421411, 40314159265363);
    } else {
        factor(3000271828182949, 7000314159265403);
    }
    stop_clock();
    if (numbers_live) fail("%zu numbers were not freed", numbers_live);
    report("bignum", "number", numbers_made);
}
