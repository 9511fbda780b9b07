"""The paper's claim at laptop scale: does weighing the moves of a trace help alignment?"""
