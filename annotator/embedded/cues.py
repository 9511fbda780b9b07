"""Discourse cues: small phrases that show what a segment does, whatever it is about.

A cue counts in full where it opens the segment, and in part where it stands later.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

OPENING_CHARACTERS = 60  # a cue that starts in here opens the segment
LATER_STRENGTH = 0.4  # of a cue elsewhere, once
REPEATED_STRENGTH = 0.6  # of a cue that comes back
SCANNED_CHARACTERS = 1500  # of either end of a longer segment


@dataclass(frozen=True)
class CueFamily:
    """Phrases of one function, with a description that can be compared to a category's."""

    name: str
    description: str
    pattern: str


FAMILIES = (
    CueFamily(
        "interruption",
        "interrupts itself, takes back or reconsiders an earlier step, backtracks",
        r"(?:but |oh,? |no,? |hmm,? )?wait\b|hold on|no, (?:that|it|wait)|scratch that|oops",
    ),
    CueFamily(
        "correction",
        "corrects a mistake, revises a wrong statement",
        r"actually\b|i made (?:a|an) (?:mistake|error)|(?:was|am|were|is) wrong|mistake|incorrect"
        r"|misread|i meant|let me (?:correct|fix|redo)|can't be right|mixed up|should have been",
    ),
    CueFamily(
        "reconsideration",
        "thinks again, goes back to an earlier point, starts over",
        r"on second thought|let me (?:reconsider|re-?think|think again|go back|start over|re-?read)"
        r"|think again|back to|reconsider|start(?:ing)? over|re-?evaluate|going back",
    ),
    CueFamily(
        "checking",
        "verifies, double-checks or confirms an earlier result",
        r"double[- ]?check|(?:let me|let's|i should|i need to|i'll|i must|to) (?:just )?"
        r"(?:check|verify|confirm|make sure|re-?check|validate)|verify(?:ing)?\b|sanity check"
        r"|cross-?(?:check|referenc)|checking (?:this|that|the|again|each)|make sure"
        r"|confirm(?:ing)?\b",
    ),
    CueFamily(
        "agreement",
        "finds a claim or result confirmed",
        r"that (?:matches|fits|works|checks out|makes sense)|which (?:matches|fits)|that's right"
        r"|yes,|correct\.|(?:is|are) consistent|confirms|as expected",
    ),
    CueFamily(
        "mismatch",
        "finds a conflict or that something does not fit",
        r"(?:doesn't|does not|don't|didn't|can't) (?:fit|match|add up|work|hold|make sense|align)"
        r"|contradict|inconsisten|conflict|not (?:possible|matching)|too (?:early"
        r"|late|large|small)",
    ),
    CueFamily(
        "alternative",
        "considers an alternative possibility or another approach",
        r"alternatively|another (?:angle|approach|possibility|thought|way|idea|option|route|method)"
        r"|or (?:maybe|perhaps)|instead,|different (?:approach|angle|way)|otherwise",
    ),
    CueFamily(
        "conjecture",
        "proposes a guess, hypothesis or candidate that may be right",
        r"maybe|perhaps|could (?:it )?be|might (?:be|have)|possibly|i (?:guess|suspect|suppose)"
        r"|(?:my|best) guess",
    ),
    CueFamily(
        "recall",
        "recalls facts from memory, retrieves knowledge",
        r"i (?:recall|remember|know|believe|think)\b|i've (?:heard|read|seen)|from what i"
        r"|as far as i|if i (?:recall|remember)|known (?:for|as)|it is known|recall(?:ing)? that",
    ),
    CueFamily(
        "memory search",
        "searches memory for a piece of knowledge",
        r"let me (?:try to )?(?:recall|remember|think)|trying to (?:recall|remember)|my memory"
        r"|look(?:ing)? (?:it |this |that )?up|rings? a bell|heard of|searching"
        r"|try to (?:recall|remember)",
    ),
    CueFamily(
        "source",
        "refers to a source or record as evidence",
        r"according to|wikipedia|sources?\b|records?\b|article|database|official|website|census"
        r"|documented|reports?\b",
    ),
    CueFamily(
        "ignorance",
        "admits that knowledge is missing or cannot be checked",
        r"i (?:don't|do not|can't|cannot|couldn't) (?:\w+ )?(?:know|recall|remember|access|verify"
        r"|confirm|find|have|provide)|not familiar|no (?:idea|information|access|way of)|unable to"
        r"|without (?:access|specific|more|further|precise|exact|external|concrete|confirm)"
        r"|never heard|not aware",
    ),
    CueFamily(
        "doubt",
        "expresses uncertainty, doubt or confusion",
        r"hmm|not (?:\w+ )?(?:sure|certain|confident|clear)|unsure|uncertain|confus|i'm getting"
        r"|doubt|tricky|stuck|unclear|ambiguous",
    ),
    CueFamily(
        "confidence",
        "judges how likely or certain something is, evaluates",
        r"i'm (?:\w+ )?(?:sure|certain|confident)|likely|probab|plausible"
        r"|seems (?:to|like|right|that)"
        r"|reasonable|reliable|confident|most (?:likely|probable)",
    ),
    CueFamily(
        "task",
        "states what is asked, frames the problem",
        r"the (?:user|question|problem|task|query|prompt)\b|i need to (?:find|figure"
        r"|determine|answer|"
        r"work out|solve)|we (?:are|need|have) (?:to|asked|given)|asks? (?:for|about|me)|asking"
        r"|let's (?:tackle|see|break)|i'm (?:trying|asked|supposed) to",
    ),
    CueFamily(
        "opening",
        "opens the thinking",
        r"^\W*(?:ok(?:ay)?|alright|all right|so, i|let's see)\b",
    ),
    CueFamily(
        "plan",
        "makes a plan, decides what to do next",
        r"i (?:should|will|can|could|must)\b|i'll|let me\b|let's\b|we (?:should|can"
        r"|need)|plan|strategy"
        r"|approach|i need to",
    ),
    CueFamily(
        "division",
        "breaks the problem down into parts or steps",
        r"step by step|break(?:ing)? (?:it|this|that|the|down)|(?:two|three|several|multiple|four) "
        r"(?:parts|steps|questions|pieces|things)|one by one|separately|first part"
        r"|sub-?(?:question|problem)"
        r"|each (?:part|of these|one)|piece by piece",
    ),
    CueFamily(
        "first step",
        "begins with the first step of a sequence",
        r"^\W*(?:so,? )?first(?:ly)?\b|to (?:begin|start)|let me start"
        r"|start(?:ing)? with|first (?:of all|off|step)",
    ),
    CueFamily(
        "next step",
        "moves on to the next step of a sequence",
        r"^\W*(?:so )?(?:next|now|then|second(?:ly)?|third(?:ly)?|moving on|onto?|finally|lastly)\b"
        r"|moving on|next,|the next|after that",
    ),
    CueFamily(
        "inference",
        "draws a conclusion from earlier statements, chains steps of reasoning",
        r"therefore|thus\b|hence\b|so (?:the|that|if|it|we|this|he|she|they|there|in)\b"
        r"|which means|this (?:means|implies|suggests|gives)|that (?:means|implies|would mean)"
        r"|it follows|implies",
    ),
    CueFamily(
        "cause",
        "gives a cause, reason or effect",
        r"because|due to|as a result|leads? to|led to|caus(?:e|es|ed|ing)\b|that's why|reason"
        r"|in order to|results? in|owing to",
    ),
    CueFamily(
        "premise",
        "reasons from a given fact",
        r"since\b|given (?:that|the|all)|considering|based on|knowing that|as (?:the"
        r"|it|he|she) (?:is|was)",
    ),
    CueFamily(
        "condition",
        "reasons under an assumption or a hypothetical case",
        r"\bif\b|assum(?:e|ing)|suppos(?:e|ing)|what if|in case|provided"
        r"|hypothetical|would (?:be|have)",
    ),
    CueFamily(
        "cases",
        "distinguishes cases or options and rules some out",
        r"in (?:the|this|that|either|both|each) (?:first |second )?case|\bcase \d"
        r"|either\b|rul(?:e|es|ed|ing)"
        r" (?:\w+ )?out|eliminat|scenario|option|possibilit|candidates?\b",
    ),
    CueFamily(
        "contrast",
        "sets one statement against another, objects",
        r"\bbut\b|however|although|though\b|on the other hand|nevertheless|yet\b|despite",
    ),
    CueFamily(
        "comparison",
        "compares things: differences, similarities, rank",
        r"compar|versus|\bvs\b|whereas|difference|differ\b|unlike|\w+er than|closest"
        r"|more than|less than"
        r"|between the two|same as|both\b",
    ),
    CueFamily(
        "likeness",
        "reasons by analogy with a similar case",
        r"similar(?:ly)?\b|just (?:as|like)|analog|reminds me|in the same way|much like|works like"
        r"|like (?:how|in|when|other)",
    ),
    CueFamily(
        "class",
        "puts something in a category, type or class",
        r"(?:type|kind|category|form|sort|genus|species|genre)s? of|classif|categori[sz]"
        r"|belongs? to|falls? (?:under|into)|counts? as|considered (?:a|an|as)",
    ),
    CueFamily(
        "example",
        "gives an example or instance",
        r"for (?:example|instance)|such as|e\.g\.|take (?:the case|for)|including|an example",
    ),
    CueFamily(
        "meaning",
        "explains a term or concept, clarifies",
        r"\bmeans\b|refers? to|defin(?:e|ed|ition)|is called|in other words|that is,|i\.e\.|meaning"
        r"|to clarify|stands for|explain|term\b",
    ),
    CueFamily(
        "summary",
        "summarizes the findings so far, concludes",
        r"in summary|to sum|summar|in conclusion|overall|to recap|so far|all in all|conclu"
        r"|at this point|in short",
    ),
    CueFamily(
        "joining",
        "brings several pieces of information together, synthesis",
        r"putting (?:it|this|that|these|all|them|everything|together)|combin"
        r"|together|taken together"
        r"|connect|link(?:s|ed|ing)?\b|both .{1,60} and|fits? (?:with|together)|integrat",
    ),
    CueFamily(
        "answer",
        "states the final answer",
        r"the (?:\w+ )?answer (?:is|would|should|must|could|might)|final answer|answer:|\\boxed"
        r"|i(?:'ll| will| would| can| am going to| should)? (?:go with|answer with"
        r"|settle|stick with)|so it's",
    ),
    CueFamily(
        "abstention",
        "decides to answer that it does not know",
        r"(?:say|state|respond|answer|admit|acknowledge|reply|stating|saying"
        r"|indicate)\w* (?:that )?(?:with )?"
        r"[\"'“]?(?:i |the |my |un|uncertain|not)|i don't know[\"'”.]|safe(?:r|st)"
        r"|avoid (?:giving|guessing"
        r"|misinform|provid|incorrect|mislead)|instead of guessing|rather than guess|honest",
    ),
    CueFamily(
        "reply",
        "thinks about the form of the reply and its reader",
        r"respon(?:d|se)|the reader|format|explanation|phrase|present (?:the|this"
        r"|it)|write (?:the|up|out)"
        r"|user wants",
    ),
    CueFamily(
        "calculation",
        "calculates with numbers",
        r"\d\s*[+*/×÷=^]\s*\d|\d\s+[-–−]\s+\d|calculat|comput|equals?\b|multipl|divid|subtract"
        r"|add(?:ing)? (?:up|them|the)"
        r"|\bsum\b|\btotal|percent|\w\s=\s\S|\\frac",
    ),
    CueFamily(
        "time",
        "reasons about dates and the order of events",
        r"\b(?:1[0-9]|20)\d\d\b|\b(?:year|century|decade|era|before|after|earlier|later)\b",
    ),
    CueFamily(
        "estimate",
        "gives a rough value",
        r"approximately|roughly|around \d|about \d|estimat|nearly|or so\b|close to",
    ),
    CueFamily(
        "listing",
        "lists items one after another",
        r"(?:^|\n)\s*(?:[-*•]|\d+[.)])\s+\S",
    ),
    CueFamily(
        "question",
        "asks itself a question",
        r"\w{0,30}[^\w\s]{0,3}\?",
    ),
    CueFamily(
        "insight",
        "has a sudden idea",
        r"\boh\b|\bah\b|aha|i see\b|of course|got it|that must be|it clicks",
    ),
)
NAMES = tuple(family.name for family in FAMILIES)
CORRECTIVE = frozenset({"interruption", "correction", "reconsideration", "alternative", "checking"})
STARTING = frozenset({*CORRECTIVE, "opening", "first step", "next step", "summary", "joining"})


@cache
def compiled() -> tuple[re.Pattern[str], ...]:
    """The patterns of the families, in their order, for a text in lower case."""
    return tuple(re.compile(f"(?<![a-z])(?:{f.pattern})") for f in FAMILIES)


def scanned(text: str) -> str:
    """The part of a segment that is read for cues, so that a huge one costs no more, lower-cased.

    Patterns that tell case apart are twice as fast as patterns that do not.
    """
    if len(text) > 2 * SCANNED_CHARACTERS:
        text = text[:SCANNED_CHARACTERS] + "\n" + text[-SCANNED_CHARACTERS:]
    return text.lower()


def strength(pattern: re.Pattern[str], text: str) -> float:
    """How strongly a cue stands in a text: 1 at its opening, less later, 0 where it is not."""
    found = pattern.search(text)
    if found is None:
        return 0.0
    if found.start() < OPENING_CHARACTERS:
        return 1.0
    return REPEATED_STRENGTH if pattern.search(text, found.end()) else LATER_STRENGTH


def cue_matrix(texts: Sequence[str]) -> NDArray[np.float32]:
    """The strength of every family in every text. Shapes: n texts to (n, families) in [0, 1]."""
    patterns = compiled()
    rows = [[strength(pattern, part) for pattern in patterns] for part in map(scanned, texts)]
    return np.array(rows, dtype=np.float32).reshape(len(texts), len(patterns))


def opening_cues(cues: NDArray[np.float32]) -> list[frozenset[str]]:
    """The families that open each text. Shapes: (n, families) to n sets."""
    return [frozenset(NAMES[i] for i in np.flatnonzero(row >= 1.0)) for row in cues]
