"""Line charts as SVG, written by hand: panels side by side that share a legend."""

import math
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

PANEL_WIDTH, PANEL_HEIGHT = 300, 220
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 30, 42
LEGEND_HEIGHT = 26

# How each variant is drawn, everywhere: colour and dashes.
STYLES = {
    "stock": ("#777777", ""),
    "ours": ("#c2410c", ""),
    "no spin": ("#c2410c", "5 3"),
    "no direct": ("#c2410c", "1 3"),
    "raw": ("#2563eb", "2 2"),
}
NAMES = {
    "stock": "libzmq 4.3.4",
    "ours": "Zeroxide",
    "no spin": "Zeroxide, no spin",
    "no direct": "Zeroxide, no direct",
    "raw": "plain sockets",
}


@dataclass
class Axis:
    label: str
    log: bool = True
    ticks: list | None = None  # (value, text); chosen when left out
    low: float | None = None
    high: float | None = None


@dataclass
class Panel:
    title: str
    x: Axis
    y: Axis
    lines: dict = field(default_factory=dict)  # variant (or (variant, what)) -> [(x, y)]


def short(value):
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"


class Scale:
    """From values to pixels."""

    def __init__(self, axis, values, start, end):
        self.log, self.start, self.end = axis.log, start, end
        low = min(values) if axis.low is None else axis.low
        high = max(values) if axis.high is None else axis.high
        if self.log:
            if axis.low is None:
                low = 10 ** math.floor(math.log10(low) + 1e-9)
            if axis.high is None:
                high = 10 ** math.ceil(math.log10(high) - 1e-9)
            high = max(high, low * 10)
        else:
            low, high = (0 if axis.low is None else low), (high if axis.high is not None else high * 1.08)
            high = max(high, low + 1e-9)
        self.low, self.high = low, high
        self.ticks = axis.ticks or self.choose()

    def choose(self):
        if self.log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return [(10.0**power, short(10.0**power)) for power in range(first, last + 1)]
        step = 10 ** math.floor(math.log10(self.high - self.low))
        while (self.high - self.low) / step < 4:
            step /= 2
        count = int((self.high - self.low) / step + 1e-9)
        return [(self.low + step * index, short(round(self.low + step * index, 9))) for index in range(count + 1)]

    def place(self, value):
        if self.log:
            share = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def text(x, y, words, anchor="middle", size=11, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{more}>{escape(words)}</text>'


def style_of(key):
    return key[0] if isinstance(key, tuple) else key


def draw_panel(panel, left):
    points = [point for line in panel.lines.values() for point in line]
    x = Scale(panel.x, [point[0] for point in points], left + LEFT, left + PANEL_WIDTH - RIGHT)
    y = Scale(panel.y, [point[1] for point in points], PANEL_HEIGHT - BOTTOM, TOP)
    out = [text((x.start + x.end) / 2, 16, panel.title, size=12, more=' font-weight="bold"')]
    for value, words in y.ticks:
        at = y.place(value)
        out.append(f'<line x1="{x.start}" x2="{x.end}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e5e5e5"/>')
        out.append(text(x.start - 5, at + 4, words, "end"))
    for value, words in x.ticks:
        at = x.place(value)
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y.start}" y2="{y.start + 4}" stroke="#555555"/>')
        out.append(text(at, y.start + 16, words))
    out.append(f'<path d="M{x.start} {y.end}V{y.start}H{x.end}" fill="none" stroke="#555555"/>')
    out.append(text((x.start + x.end) / 2, PANEL_HEIGHT - 8, panel.x.label))
    middle = (y.start + y.end) / 2
    out.append(text(left + 13, middle, panel.y.label, more=f' transform="rotate(-90 {left + 13} {middle:.1f})"'))
    for key, line in panel.lines.items():
        colour, dashes = STYLES[style_of(key)]
        places = [(x.place(a), y.place(b)) for a, b in line]
        path = "".join(f"{'L' if index else 'M'}{a:.1f} {b:.1f}" for index, (a, b) in enumerate(places))
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        out.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{colour}"/>' for a, b in places]
        if isinstance(key, tuple):
            a, b = places[-1]
            out.append(text(a, b - 6, key[1], "end", 10, f' fill="{colour}"'))
    return out


def draw(panels):
    """The SVG file of some panels in a row."""
    width, height = PANEL_WIDTH * len(panels), PANEL_HEIGHT + LEGEND_HEIGHT
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
           ' font-family="sans-serif" fill="#222222">', f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for index, panel in enumerate(panels):
        out += draw_panel(panel, index * PANEL_WIDTH)
    used = dict.fromkeys(style_of(key) for panel in panels for key in panel.lines)
    at = LEFT
    for variant in used:
        colour, dashes = STYLES[variant]
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        middle = PANEL_HEIGHT + LEGEND_HEIGHT / 2
        out.append(f'<path d="M{at} {middle}h24" stroke="{colour}" stroke-width="2"{dash}/>')
        out.append(text(at + 30, middle + 4, NAMES[variant], "start"))
        at += 44 + 7 * len(NAMES[variant])
    return "\n".join(out + ["</svg>", ""])
