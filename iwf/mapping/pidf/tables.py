"""The words that XMPP and the IETF have for people: moods, activities, places, as data.

RICH-1, RICH-2, RICH-4, PIDF-6.
"""

from __future__ import annotations

from iwf.mapping.model import Show

#: Moods that XEP-0107 and RFC 4480 both have, by the same name.
SHARED_MOODS = frozenset("""
    afraid amazed angry annoyed anxious ashamed bored brave calm cold confused contented cranky
    curious depressed disappointed disgusted distracted embarrassed excited flirtatious frustrated
    grumpy guilty happy hot humbled humiliated hungry hurt impressed in_awe in_love indignant
    interested invincible jealous lonely mean moody nervous neutral offended playful proud relieved
    remorseful restless sad sarcastic serious shocked shy sick sleepy stressed surprised thirsty
    worried""".split())

#: Moods of XEP-0107 alone.
OTHER_MOODS = frozenset("""
    amorous aroused cautious confident contemplative crazy creative dejected dismayed envious
    grateful grieving hopeful intoxicated lost lucky outraged relaxed satisfied spontaneous strong
    thankful tired weak""".split())

#: Activities of XEP-0108: what is said in general, and what may be said more precisely.
GENERAL = frozenset("""
    doing_chores drinking eating exercising grooming having_appointment inactive relaxing talking
    traveling undefined working""".split())
SPECIFIC = frozenset("""
    at_the_spa brushing_teeth buying_groceries cleaning coding commuting cooking cycling dancing
    day_off doing_maintenance doing_the_dishes doing_the_laundry driving fishing gaming gardening
    getting_a_haircut going_out hanging_out having_a_beer having_a_snack having_breakfast
    having_coffee having_dinner having_lunch having_tea hiding hiking in_a_car in_a_meeting
    in_real_life jogging on_a_bus on_a_plane on_a_train on_a_trip on_the_phone on_vacation
    on_video_phone other partying playing_sports praying reading rehearsing running
    running_an_errand scheduled_holiday shaving shopping skiing sleeping smoking socializing
    studying sunbathing swimming taking_a_bath taking_a_shower thinking walking walking_the_dog
    watching_a_movie watching_tv working_out writing""".split())

#: An activity of RFC 4480 as a general and a specific one (RICH-2).
ACTIVITY_OF_RPID: dict[str, tuple[str, str]] = {
    "appointment": ("having_appointment", ""),
    "breakfast": ("eating", "having_breakfast"),
    "dinner": ("eating", "having_dinner"),
    "holiday": ("inactive", "scheduled_holiday"),
    "in-transit": ("traveling", ""),
    "lunch": ("eating", "having_lunch"),
    "meal": ("eating", ""),
    "meeting": ("working", "in_a_meeting"),
    "on-the-phone": ("talking", "on_the_phone"),
    "playing": ("relaxing", "gaming"),
    "presentation": ("working", "in_a_meeting"),
    "shopping": ("relaxing", "shopping"),
    "sleeping": ("inactive", "sleeping"),
    "steering": ("traveling", "driving"),
    "travel": ("traveling", "on_a_trip"),
    "tv": ("relaxing", "watching_tv"),
    "vacation": ("inactive", "on_vacation"),
    "working": ("working", ""),
    "worship": ("inactive", "praying"),
}

#: Activities of RFC 4480 that XMPP knows by nothing but their text.
TEXT_OF_RPID = {"looking-for-work": "looking for work", "spectator": "spectator"}

#: The way back, where it is not the same: of two ways the plainer one.
RPID_OF_ACTIVITY: dict[tuple[str, str], str] = (
    {activity: name for name, activity in ACTIVITY_OF_RPID.items() if name != "presentation"}
    | {("doing_chores", "buying_groceries"): "shopping"})

#: What an activity says of how much a person wants to be disturbed (PIDF-6).
SHOW_OF_RPID: dict[str, Show] = (
    dict.fromkeys(("busy", "on-the-phone", "meeting", "presentation", "performance"), Show.BUSY)
    | dict.fromkeys(("permanent-absence", "vacation", "sleeping"), Show.LONG_AWAY)
    | dict.fromkeys(("away", "lunch", "meal", "breakfast", "dinner", "appointment", "travel",
                     "in-transit", "steering", "holiday"), Show.AWAY))

#: The activity that says it (PIDF-6).
RPID_OF_SHOW = {Show.AWAY: "away", Show.LONG_AWAY: "away", Show.BUSY: "busy"}

#: Fields of XEP-0080 and the elements of a civic address that say them, in the order of the schema;
#: the first one is written (RICH-4).
CIVIC_OF_FIELD: dict[str, tuple[str, ...]] = {
    "country": ("country",),
    "region": ("A1", "A2"),
    "locality": ("A3",),
    "area": ("A4", "A5"),
    "street": ("A6", "RD"),
    "building": ("LMK", "BLD"),
    "text": ("LOC", "NAM"),
    "floor": ("FLR",),
    "postalcode": ("PC",),
}

#: What a street is joined of, in this order.
STREET = ("HNO", "HNS", "PRD", "A6", "RD", "STS", "POD")
