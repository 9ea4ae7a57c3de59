// SPDX-License-Identifier: Apache-2.0
// Pieces of furniture and clutter. A piece stands on its frame's origin, z up, its back towards -y.
#pragma once
#include "builder.h"

inline void add_legs(Builder& b, Frame f, float w, float d, float h, float thick, int material) {
    bool is_round = b.random.chance(0.4f);
    float splay = b.random.chance(0.3f) ? b.random.between(0.0f, 0.08f) : 0.0f;
    for (int sx = -1; sx <= 1; sx += 2) {
        for (int sy = -1; sy <= 1; sy += 2) {
            float x = sx * (w - thick) / 2, y = sy * (d - thick) / 2;
            if (is_round || splay > 0) b.rod(f.at(x + sx * splay, y + sy * splay, 0), f.at(x, y, h), thick, material);
            else b.box(f.moved(x, y, h / 2), thick, thick, h, material);
        }
    }
}

inline void add_small_thing(Builder& b, Frame f, float size) {
    Random& r = b.random;
    int m = b.any();
    switch (r.below(8)) {
        case 0: b.add(CYLINDER, f.moved(0, 0, size / 2), size * 0.5f, size * 0.5f, size, m); break;
        case 1: b.add(BALL, f.moved(0, 0, size * 0.4f), size * 0.8f, size * 0.8f, size * 0.8f, m); break;
        case 2: b.add(CONE, f.moved(0, 0, size / 2), size * 0.5f, size * 0.5f, size, m, r.between(0.2f, 1.6f)); break;
        case 3:  // bottle
            b.add(CYLINDER, f.moved(0, 0, size * 0.5f), size * 0.35f, size * 0.35f, size, m);
            b.add(CONE, f.moved(0, 0, size * 1.1f), size * 0.35f, size * 0.35f, size * 0.2f, m, 0.35f);
            b.add(CYLINDER, f.moved(0, 0, size * 1.3f), size * 0.12f, size * 0.12f, size * 0.25f, m);
            break;
        case 4: {  // stack of books
            float h = 0;
            for (int k = r.from_to(1, 4); k > 0; --k) {
                float thick = size * r.between(0.1f, 0.25f);
                b.box(f.moved(0, 0, h + thick / 2).turned(r.between(-0.4f, 0.4f)), size * 1.2f, size * 0.85f, thick, b.any());
                h += thick;
            }
            break;
        }
        case 5:  // screen
            b.box(f.moved(0, 0, size * 0.05f), size * 0.8f, size * 0.5f, size * 0.06f, m);
            b.box(f.moved(0, -0.02f, size * 0.4f), size * 0.12f, size * 0.08f, size * 0.8f, m);
            b.box(f.moved(0, 0, size), size * 2.0f, size * 0.08f, size * 1.2f, b.random.chance(0.5f) ? b.patterned() : b.metal());
            break;
        case 6:  // cup with a handle, pens inside
            b.add(CONE, f.moved(0, 0, size * 0.3f), size * 0.4f, size * 0.4f, size * 0.6f, m, 1.2f);
            for (int k = 0; k < 4; ++k) {
                b.rod(f.at(0.02f * k, 0, size * 0.4f), f.at(size * r.between(-0.3f, 0.3f), size * r.between(-0.3f, 0.3f), size * 1.1f), 0.012f, b.plain());
            }
            break;
        default: b.box(f.moved(0, 0, size / 2).turned(r.between(0, 3)), size * r.between(0.5f, 1.5f), size * r.between(0.5f, 1.2f), size, m);
    }
}

inline void add_things(Builder& b, Frame f, float w, float d, int count) {
    for (int k = 0; k < count; ++k) {
        add_small_thing(b, f.moved(b.random.between(-w, w) * 0.42f, b.random.between(-d, d) * 0.42f, 0).turned(b.random.between(0, 6.28f)),
                        b.random.log_between(0.06f, 0.3f));
    }
}

inline void add_chair(Builder& b, Frame f) {
    Random& r = b.random;
    float w = r.between(0.38f, 0.55f), d = r.between(0.38f, 0.55f), h = r.between(0.4f, 0.5f);
    int frame = r.chance(0.5f) ? b.wood() : r.chance(0.5f) ? b.metal() : b.plain(), seat = r.chance(0.5f) ? frame : b.cloth();
    float thick = r.between(0.015f, 0.05f);
    if (r.chance(0.25f)) {  // office chair
        b.rod(f.at(0, 0, 0.08f), f.at(0, 0, h), 0.05f, frame);
        for (int k = 0; k < 5; ++k) {
            float angle = 2 * PI * k / 5;
            b.rod(f.at(0, 0, 0.1f), f.at(0.3f * cosf(angle), 0.3f * sinf(angle), 0.06f), 0.04f, frame);
            b.add(BALL, f.moved(0.3f * cosf(angle), 0.3f * sinf(angle), 0.03f), 0.06f, 0.06f, 0.06f, frame);
        }
    } else {
        add_legs(b, f, w, d, h, thick, frame);
        if (r.chance(0.4f)) b.rod(f.at(-w / 2, d / 2 - thick, h * 0.4f), f.at(w / 2, d / 2 - thick, h * 0.4f), thick * 0.7f, frame);
    }
    b.box(f.moved(0, 0, h), w, d, r.between(0.02f, 0.09f), seat);
    float back = r.between(0.3f, 0.55f), lean = r.between(0.0f, 0.2f);
    Frame g = f.moved(0, -d / 2, h).tilted(lean);
    int style = r.below(3);
    if (style == 0) {
        b.box(g.moved(0, 0, back * 0.6f), w * 0.95f, r.between(0.02f, 0.08f), back * 0.8f, seat);
    } else {
        for (int s = -1; s <= 1; s += 2) b.rod(g.at(s * w * 0.46f, 0, 0), g.at(s * w * 0.46f, 0, back), thick, frame);
        int slats = r.from_to(2, 6);
        for (int k = 0; k < slats; ++k) {
            if (style == 1) b.box(g.moved(0, 0, back * (0.25f + 0.72f * k / slats)), w * 0.9f, 0.015f, r.between(0.02f, 0.07f), frame);
            else b.rod(g.at(w * (-0.38f + 0.76f * k / std::max(1, slats - 1)), 0, 0), g.at(w * (-0.38f + 0.76f * k / std::max(1, slats - 1)), 0, back), 0.018f, frame);
        }
        if (style == 2) b.box(g.moved(0, 0, back), w, 0.03f, 0.06f, frame);
    }
    if (r.chance(0.3f)) {
        for (int s = -1; s <= 1; s += 2) {
            b.rod(f.at(s * w / 2, d * 0.3f, h), f.at(s * w / 2, d * 0.3f, h + 0.22f), thick, frame);
            b.box(f.moved(s * w / 2, 0, h + 0.23f), 0.05f, d * 0.8f, 0.03f, frame);
        }
    }
}

inline void add_table(Builder& b, Frame f) {
    Random& r = b.random;
    float w = r.between(0.6f, 2.2f), d = r.between(0.5f, 1.0f), h = r.chance(0.3f) ? r.between(0.3f, 0.5f) : r.between(0.65f, 1.0f);
    int top = r.chance(0.6f) ? b.wood() : b.any(), leg = r.chance(0.5f) ? top : b.metal();
    if (r.chance(0.25f)) {
        b.add(CYLINDER, f.moved(0, 0, h), d, d, 0.04f, top);
        b.rod(f.at(0, 0, 0), f.at(0, 0, h), 0.08f, leg);
        b.add(CYLINDER, f.moved(0, 0, 0.02f), d * 0.6f, d * 0.6f, 0.03f, leg);
        w = d *= 0.7f;
    } else {
        b.box(f.moved(0, 0, h), w, d, r.between(0.02f, 0.06f), top);
        add_legs(b, f, w, d, h, r.between(0.025f, 0.09f), leg);
        if (r.chance(0.3f)) b.box(f.moved(0, -d / 2 + 0.03f, h * 0.6f), w * 0.9f, 0.02f, h * 0.5f, leg);
    }
    b.split_group();
    add_things(b, f.moved(0, 0, h + 0.03f), w, d, r.below(9));
}

inline void add_shelf(Builder& b, Frame f) {
    Random& r = b.random;
    float w = r.between(0.5f, 1.6f), d = r.between(0.22f, 0.45f), h = r.between(0.7f, 2.3f);
    int board = r.chance(0.6f) ? b.wood() : b.plain(), rows = std::max(2, (int)(h / r.between(0.28f, 0.45f)));
    for (int s = -1; s <= 1; s += 2) b.box(f.moved(s * w / 2, 0, h / 2), 0.025f, d, h, board);
    if (r.chance(0.6f)) b.box(f.moved(0, -d / 2, h / 2), w, 0.015f, h, r.chance(0.5f) ? board : b.any());
    for (int row = 0; row <= rows; ++row) b.box(f.moved(0, 0, h * row / rows), w, d, 0.025f, board);
    int palette[5] = {b.any(), b.any(), b.plain(), b.plain(), b.plain()};
    for (int row = 0; row < rows; ++row) {
        b.split_group();
        Frame g = f.moved(0, 0, h * row / rows + 0.013f);
        float space = h / rows - 0.04f, x = -w / 2 + 0.03f;
        if (r.chance(0.15f)) continue;
        if (r.chance(0.3f)) { add_things(b, g, w, d, r.from_to(1, 4)); continue; }
        float end = w / 2 * r.between(-0.2f, 0.95f);
        while (x < end) {
            float thick = r.between(0.015f, 0.07f), tall = space * r.between(0.5f, 0.98f);
            Frame book = g.moved(x + thick / 2, r.between(-0.3f, 0.2f) * d, tall / 2);
            b.box(r.chance(0.12f) ? book.rolled(r.between(-0.25f, 0.25f)) : book, thick, d * 0.7f, tall, palette[r.below(5)]);
            x += thick + (r.chance(0.1f) ? r.between(0.0f, 0.15f) : 0.002f);
        }
    }
}

inline void add_cabinet(Builder& b, Frame f) {
    Random& r = b.random;
    float w = r.between(0.4f, 1.8f), d = r.between(0.35f, 0.7f), h = r.between(0.4f, 2.2f);
    int body = r.chance(0.5f) ? b.wood() : b.any(), front = r.chance(0.6f) ? body : b.any(), knob = b.metal();
    b.box(f.moved(0, 0, h / 2), w, d, h, body);
    int columns = r.from_to(1, 3), rows = r.from_to(1, 4);
    for (int i = 0; i < columns; ++i) {
        for (int j = 0; j < rows; ++j) {
            Frame g = f.moved(w * ((i + 0.5f) / columns - 0.5f), d / 2, h * (j + 0.5f) / rows);
            b.box(g, w / columns - 0.02f, 0.03f, h / rows - 0.02f, front);
            if (r.chance(0.5f)) b.rod(g.at(-0.06f, 0.04f, 0), g.at(0.06f, 0.04f, 0), 0.015f, knob);
            else b.add(BALL, g.moved(0.05f, 0.03f, 0), 0.04f, 0.04f, 0.04f, knob);
        }
    }
    b.split_group();
    if (h < 1.4f) add_things(b, f.moved(0, 0, h), w, d, r.below(6));
}

inline void add_sofa(Builder& b, Frame f) {
    Random& r = b.random;
    float w = r.between(0.8f, 2.4f), d = r.between(0.7f, 1.0f), h = r.between(0.35f, 0.48f);
    int cloth = b.cloth(), cushion = r.chance(0.5f) ? cloth : b.cloth();
    b.box(f.moved(0, 0, h * 0.55f), w, d, h * 0.7f, cloth);
    b.box(f.moved(0, -d / 2 + 0.1f, h + 0.2f).tilted(0.12f), w, 0.2f, 0.55f, cloth);
    for (int s = -1; s <= 1; s += 2) {
        b.box(f.moved(s * w / 2, 0, h * 0.75f), 0.18f, d, h * 1.1f, cloth);
        if (r.chance(0.5f)) b.add(CYLINDER, frame_along(f.at(s * w / 2, 0, h * 1.3f), f.y), 0.2f, 0.2f, d, cloth);
    }
    int seats = std::max(1, (int)(w / 0.7f));
    for (int k = 0; k < seats; ++k) {
        float x = w * ((k + 0.5f) / seats - 0.5f);
        b.box(f.moved(x, 0.05f, h + 0.02f), w / seats - 0.02f, d * 0.75f, 0.14f, cushion);
        if (r.chance(0.5f)) b.add(BALL, f.moved(x, -d * 0.15f, h + 0.28f).tilted(0.4f).turned(r.between(-0.4f, 0.4f)), 0.45f, 0.18f, 0.42f, b.cloth());
    }
}

inline void add_lamp(Builder& b, Frame f) {
    Random& r = b.random;
    float h = r.between(0.4f, 1.8f), size = r.between(0.18f, 0.45f);
    int metal = b.metal(), shade = r.chance(0.5f) ? b.lamp(r.between(0.6f, 2.5f)) : b.cloth();
    b.add(CYLINDER, f.moved(0, 0, 0.015f), size * 0.8f, size * 0.8f, 0.03f, metal);
    b.rod(f.at(0, 0, 0), f.at(0, 0, h), r.between(0.012f, 0.035f), metal);
    b.add(CONE, f.moved(0, 0, h), size, size, size * 0.8f, shade, r.between(0.4f, 1.0f));
}

inline void add_plant(Builder& b, Frame f) {
    Random& r = b.random;
    float pot = r.between(0.12f, 0.4f), h = r.between(0.2f, 1.6f);
    b.add(CONE, f.moved(0, 0, pot / 2), pot * 0.7f, pot * 0.7f, pot, b.any(), r.between(1.0f, 1.5f));
    Vec3 green = vec(0.06f, 0.18f, 0.04f) * r.log_between(0.5f, 2.0f) + b.paint(0.01f, 0.08f);
    int leaf[3];
    for (int& m : leaf) m = b.add_material(r.chance(0.6f) ? STAINS : STRIPES, r.between(0.02f, 0.1f), green * r.between(0.6f, 1.5f), green * r.between(0.4f, 1.3f), green);
    int stems = r.from_to(2, 7), leaves = r.from_to(4, 12);
    float size = r.log_between(0.06f, 0.35f), thin = r.between(0.2f, 0.7f);
    for (int s = 0; s < stems; ++s) {
        if (s % 2 == 0) b.split_group();
        float angle = r.between(0, 2 * PI), lean = r.between(0.0f, 0.6f);
        Vec3 tip = f.at(h * lean * cosf(angle), h * lean * sinf(angle), pot + h * r.between(0.5f, 1.0f)), root = f.at(0, 0, pot);
        b.rod(root, tip, r.between(0.006f, 0.02f), leaf[0]);
        for (int k = 0; k < leaves; ++k) {
            Vec3 at = mixed(root, tip, r.between(0.25f, 1.0f));
            Vec3 out = unit(r.direction() + vec(0, 0, 0.4f));
            Frame g = frame_along(at + out * (size * 0.5f), unit(cross(out, r.direction())));
            // The leaf's long axis follows `out`.
            g.y = out;
            g.x = cross(g.y, g.z);
            float own = size * r.between(0.5f, 1.2f);
            b.add(LEAF, g, own * thin, own, 0.002f, leaf[r.below(3)]);
        }
    }
}

inline void add_rail(Builder& b, Frame f) {
    Random& r = b.random;
    float w = r.between(1.0f, 4.0f), h = r.between(0.7f, 1.3f), thick = r.between(0.012f, 0.06f);
    int material = r.chance(0.5f) ? b.metal() : b.any(), posts = (int)(w / r.between(0.1f, 0.5f)) + 1;
    for (int k = 0; k <= posts; ++k) {
        if (k % 8 == 7) b.split_group();
        float x = w * ((float)k / posts - 0.5f);
        b.rod(f.at(x, 0, 0), f.at(x, 0, h), thick, material);
    }
    b.split_group();
    for (int k = 0; k < r.from_to(1, 3); ++k) b.rod(f.at(-w / 2, 0, h * (1 - 0.4f * k)), f.at(w / 2, 0, h * (1 - 0.4f * k)), thick * 1.5f, material);
}

inline void add_boxes(Builder& b, Frame f) {
    Random& r = b.random;
    float z = 0;
    int material = b.any();
    for (int k = r.from_to(1, 4); k > 0; --k) {
        float h = r.between(0.15f, 0.5f);
        b.box(f.moved(0, 0, z + h / 2).turned(r.between(-0.5f, 0.5f)), r.between(0.2f, 0.7f), r.between(0.2f, 0.6f), h, r.chance(0.5f) ? material : b.any());
        z += h;
    }
}

inline void add_stairs(Builder& b, Frame f) {
    Random& r = b.random;
    float w = r.between(0.8f, 2.0f), rise = r.between(0.14f, 0.2f), run = r.between(0.22f, 0.32f);
    int material = b.any(), other = r.chance(0.5f) ? material : b.any(), count = r.from_to(3, 9);
    for (int k = 0; k < count; ++k) b.box(f.moved(0, -run * k, rise * (k + 1) / 2), w, run, rise * (k + 1), k % 2 ? material : other);
}

inline void add_person(Builder& b, Frame f) {
    Random& r = b.random;
    float h = r.between(1.5f, 1.95f);
    int trousers = b.cloth(), shirt = b.cloth(), skin = b.plain(0.1f, 0.6f);
    for (int s = -1; s <= 1; s += 2) {
        b.rod(f.at(s * 0.1f, r.between(-0.2f, 0.2f), 0), f.at(s * 0.09f, 0, h * 0.5f), 0.15f, trousers);
        b.rod(f.at(s * 0.22f, 0, h * 0.8f), f.at(s * r.between(0.2f, 0.4f), r.between(-0.1f, 0.3f), h * 0.48f), 0.09f, shirt);
    }
    b.add(BALL, f.moved(0, 0, h * 0.66f), 0.42f, 0.26f, h * 0.4f, shirt);
    b.add(BALL, f.moved(0, 0, h * 0.93f), 0.17f, 0.2f, 0.25f, skin);
}

inline void add_furniture(Builder& b, Frame f) {
    b.begin_group();
    float kind = b.random.share();
    if (kind < 0.22f) add_chair(b, f);
    else if (kind < 0.37f) add_table(b, f);
    else if (kind < 0.47f) add_shelf(b, f);
    else if (kind < 0.55f) add_cabinet(b, f);
    else if (kind < 0.63f) add_sofa(b, f);
    else if (kind < 0.69f) add_lamp(b, f);
    else if (kind < 0.81f) add_plant(b, f);
    else if (kind < 0.85f) add_rail(b, f);
    else if (kind < 0.93f) add_boxes(b, f);
    else if (kind < 0.96f) add_stairs(b, f);
    else add_person(b, f);
    b.end_group();
}
