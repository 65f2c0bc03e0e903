// logicopt: a two-level logic minimiser (after espresso, Grunwald et al. 1993); operation: a cube made.
//
// Streams of small objects like those that Grunwald, Zorn and Henderson measured in "Improving the cache
// locality of memory allocation" (PLDI 1993). The method is that of Brayton et al., "Logic minimization
// algorithms for VLSI synthesis" (1984).
//
// A function of 12 variables is a cover, a list of cubes; a cube has two bits for each variable: may it be
// 0, may it be 1? Random covers are complemented, expanded against their complement, rid of cubes that the
// others cover, and compared with what they were. Every cube is a block, every cover has a growing array of
// them.

#include "pattern.h"

enum { VARIABLES = 12, COVER_CUBES = 40, LITERALS = 4, FUNCTIONS = 2500, POINTS_TRIED = 200 };

#define LOW_BITS (0x5555555555555555ull & UNIVERSE)
#define UNIVERSE ((1ull << 2 * VARIABLES) - 1)

struct cube {
    uint64_t bits;
    uint32_t literals;
};

struct cover {
    size_t count, room;
    struct cube **cubes;
};

static size_t cubes_made, cubes_live;

static bool is_empty(uint64_t bits) {
    return ((bits | bits >> 1) & LOW_BITS) != LOW_BITS;
}

static struct cover *make_cover(void) {
    struct cover *cover = calloc(1, sizeof *cover);
    must_have(cover, sizeof *cover);
    return cover;
}

static void put_cube(struct cover *cover, uint64_t bits) {
    if (cover->count == cover->room) {
        cover->room = cover->room ? 2 * cover->room : 4;
        cover->cubes = realloc(cover->cubes, cover->room * sizeof(struct cube *));
        must_have(cover->cubes, cover->room);
    }
    struct cube *cube = malloc(sizeof *cube);
    must_have(cube, sizeof *cube);
    cube->bits = bits;
    cube->literals = VARIABLES - (uint32_t)__builtin_popcountll(bits & bits >> 1 & LOW_BITS);
    cover->cubes[cover->count++] = cube;
    cubes_made++;
    cubes_live++;
}

static void remove_cube(struct cover *cover, size_t index) {
    free(cover->cubes[index]);
    cover->cubes[index] = cover->cubes[--cover->count];
    cubes_live--;
}

static void free_cover(struct cover *cover) {
    while (cover->count) remove_cube(cover, cover->count - 1);
    free(cover->cubes);
    free(cover);
}

static struct cover *copy_cover(const struct cover *cover) {
    struct cover *copy = make_cover();
    for (size_t index = 0; index < cover->count; index++) put_cube(copy, cover->cubes[index]->bits);
    return copy;
}

// What `cover` is within `bits`, leaving out the cube `but`.
static struct cover *cofactor(const struct cover *cover, uint64_t bits, size_t but) {
    struct cover *result = make_cover();
    for (size_t index = 0; index < cover->count; index++) {
        uint64_t both = cover->cubes[index]->bits & bits;
        if (index != but && !is_empty(both)) put_cube(result, cover->cubes[index]->bits | (UNIVERSE & ~bits));
    }
    return result;
}

static bool has_universe(const struct cover *cover) {
    for (size_t index = 0; index < cover->count; index++) {
        if (cover->cubes[index]->literals == 0) return true;
    }
    return false;
}

// The low bit of the variable that most cubes depend on.
static uint64_t busiest_variable(const struct cover *cover) {
    size_t most = 0;
    uint64_t busiest = 1;
    for (uint64_t low = 1; low & UNIVERSE; low <<= 2) {
        size_t uses = 0;
        for (size_t index = 0; index < cover->count; index++) {
            uses += (cover->cubes[index]->bits & 3 * low) != 3 * low;
        }
        if (uses > most) {
            most = uses;
            busiest = low;
        }
    }
    return busiest;
}

static bool is_tautology(const struct cover *cover) {
    if (has_universe(cover)) return true;
    if (cover->count < 2) return false;
    uint64_t low = busiest_variable(cover);
    bool all = true;
    for (unsigned value = 0; all && value < 2; value++) {
        struct cover *half = cofactor(cover, UNIVERSE & ~(low << (1 - value)), SIZE_MAX);
        all = is_tautology(half);
        free_cover(half);
    }
    return all;
}

// The complement of one cube: for each literal a cube with its opposite.
static struct cover *complement_cube(uint64_t bits) {
    struct cover *result = make_cover();
    for (uint64_t low = 1; low & UNIVERSE; low <<= 2) {
        if ((bits & 3 * low) != 3 * low) put_cube(result, UNIVERSE & ~(bits & 3 * low));
    }
    return result;
}

static struct cover *complement(const struct cover *cover) {
    if (has_universe(cover)) return make_cover();
    if (cover->count == 1) return complement_cube(cover->cubes[0]->bits);
    struct cover *result = make_cover();
    if (cover->count == 0) {
        put_cube(result, UNIVERSE);
        return result;
    }
    uint64_t low = busiest_variable(cover);
    for (unsigned value = 0; value < 2; value++) {
        uint64_t within = UNIVERSE & ~(low << (1 - value));
        struct cover *half = cofactor(cover, within, SIZE_MAX);
        struct cover *rest = complement(half);
        size_t first_half = value ? result->count : 0;
        for (size_t index = 0; index < rest->count; index++) {
            uint64_t bits = rest->cubes[index]->bits;
            // A cube that both halves have loses the literal.
            size_t twin = 0;
            while (twin < first_half && result->cubes[twin]->bits != (bits & UNIVERSE & ~(low << 1))) twin++;
            if (twin < first_half) {
                remove_cube(result, twin);
                first_half = first_half < result->count ? first_half : result->count;
                put_cube(result, bits);
            } else {
                put_cube(result, bits & within);
            }
        }
        free_cover(rest);
        free_cover(half);
    }
    return result;
}

// Raises literals of every cube as long as it stays off the complement.
static void expand(struct cover *cover, const struct cover *off) {
    for (size_t index = 0; index < cover->count; index++) {
        uint64_t bits = cover->cubes[index]->bits;
        for (uint64_t low = 1; low & UNIVERSE; low <<= 2) {
            bool free_to = (bits & 3 * low) != 3 * low;
            for (size_t other = 0; free_to && other < off->count; other++) {
                free_to = is_empty((bits | 3 * low) & off->cubes[other]->bits);
            }
            if (free_to) bits |= 3 * low;
        }
        if (bits != cover->cubes[index]->bits) {
            remove_cube(cover, index);
            put_cube(cover, bits);
            // The last cube has moved to `index`: the new one changes places with it.
            struct cube *last = cover->cubes[cover->count - 1];
            cover->cubes[cover->count - 1] = cover->cubes[index];
            cover->cubes[index] = last;
        }
    }
}

static void make_irredundant(struct cover *cover) {
    for (size_t index = cover->count; index-- > 0;) {
        struct cover *others = cofactor(cover, cover->cubes[index]->bits, index);
        if (is_tautology(others)) remove_cube(cover, index);
        free_cover(others);
    }
}

static bool covers(const struct cover *cover, uint64_t point) {
    for (size_t index = 0; index < cover->count; index++) {
        if (!is_empty(cover->cubes[index]->bits & point)) return true;
    }
    return false;
}

static struct cover *random_cover(struct random *random) {
    struct cover *cover = make_cover();
    for (size_t made = 0; made < COVER_CUBES; made++) {
        uint64_t bits = UNIVERSE;
        for (unsigned literal = 0; literal < LITERALS; literal++) {
            bits &= ~(1ull << random_below(random, 2 * VARIABLES));
        }
        if (!is_empty(bits)) put_cube(cover, bits);
    }
    return cover;
}

static void check(struct random *random, const struct cover *before, const struct cover *after,
                  const struct cover *off) {
    for (size_t tried = 0; tried < POINTS_TRIED; tried++) {
        uint64_t ones = random_number(random) & LOW_BITS, point = ones << 1 | (LOW_BITS & ~ones);
        bool on = covers(before, point);
        if (covers(after, point) != on || covers(off, point) == on) fail("a function has changed");
    }
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    struct random random = {1};
    size_t cubes_before = 0, cubes_after = 0;
    start_clock();
    for (size_t function = 0; function < scaled(FUNCTIONS); function++) {
        struct cover *on = random_cover(&random), *minimal = copy_cover(on), *off = complement(on);
        expand(minimal, off);
        make_irredundant(minimal);
        check(&random, on, minimal, off);
        cubes_before += on->count;
        cubes_after += minimal->count;
        free_cover(on);
        free_cover(minimal);
        free_cover(off);
    }
    stop_clock();
    if (cubes_live) fail("%zu cubes were not freed", cubes_live);
    if (cubes_after >= cubes_before) fail("nothing was minimised");
    add_extra("cubes_kept_percent", 100.0 * (double)cubes_after / (double)cubes_before);
    report("logicopt", "cube", cubes_made);
}
